// A bounded set of connections for a service that answers many requests at once.
//
// Thread-safe. A connection is made when it is first needed, and kept; a broken one is dropped when it comes back.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "eventstore/postgres/connection.h"

namespace hermes::postgres {

class ConnectionPool {
 public:
  // `prepare` runs once on each new connection: session settings.
  ConnectionPool(Settings settings, std::size_t connections_max, std::function<void(Connection&)> prepare = {});
  ConnectionPool(const ConnectionPool&) = delete;

  struct Unavailable {
    std::string message;  // one line
    bool busy = false;    // the database is there, but all connections are taken
  };

  // A connection on loan; goes back with the object. Must not outlive the pool.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }
    // Whether it was made for this loan, so that it can't have died while idle.
    bool fresh() const { return fresh_; }

   private:
    friend class ConnectionPool;
    Lease(ConnectionPool& pool, ConnectionPtr connection, bool fresh)
        : pool_(&pool), connection_(std::move(connection)), fresh_(fresh) {}
    ConnectionPool* pool_;
    ConnectionPtr connection_;
    bool fresh_;
  };

  // Waits for a free connection, at most for this time.
  Result<Lease, Unavailable> take(std::chrono::milliseconds at_most);

  // Drops the idle connections, after the database was restarted.
  void drop_idle();

 private:
  void give_back(ConnectionPtr connection);

  const Settings settings_;
  const std::size_t connections_max_;
  const std::function<void(Connection&)> prepare_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<ConnectionPtr> idle_;
  std::size_t out_ = 0;
};

}  // namespace hermes::postgres
