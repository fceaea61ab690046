// Leases: which partitions of a projection this process works on. The table projection_leases holds owner, epoch and expiry, by
// the clock of the database; projection_members holds who is alive. Every process takes its fair share: partitions divided by
// members, the first members in the order of their names one more.
//
// An owner renews well before its lease expires, also while a batch runs (lease_keeper.h). If it cannot (dead, paused, cut
// off), the others look at that very time and take its partitions. The new owner raises the epoch, which the old one's
// transactions no longer find (live_batch.h), and ends the old one's session, for a paused process may hold locks.
//
// One per projection and connection. Not thread-safe. All functions throw pqxx's exceptions.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "eventstore/log/event_log.h"
#include "eventstore/postgres/connection.h"

namespace hermes::projections {

using Epoch = std::int64_t;

// Notified when a process joins, leaves or gives up partitions; the payload is the projection.
inline constexpr std::string_view kProjectorsChannel = "hermes_projectors";

// Says that `instance` is alive and that what it owns under these epochs stays its own for `duration` from now on. Returns the
// partitions of which that was true. Requires: a transaction is open on `connection`.
std::set<eventstore::Partition> extend_leases(postgres::Connection& connection, pqxx::work& transaction,
                                              const std::string& projection, const std::string& instance,
                                              std::chrono::milliseconds duration,
                                              const std::map<eventstore::Partition, Epoch>& owned);

class Leases {
 public:
  // Requires: no transaction is open on `connection` whenever a function is called; it must outlive this.
  Leases(postgres::Connection& connection, std::string projection, std::string instance, std::chrono::milliseconds duration);

  // Says that this process is alive, renews what it owns, gives up what is beyond its share and takes what is free. To be
  // called three times within a lease's duration, when kProjectorsChannel is notified, and when the next lease of the others
  // expires.
  void renew();

  // How long after the last renew() the first of the other processes will have run out of time, unless it renews before;
  // nothing if there is no other.
  std::optional<std::chrono::milliseconds> next_expiry_of_others() const { return next_expiry_of_others_; }

  // Leaves: others may take everything at once.
  void release();

  // A transaction did not find owner and epoch: the partition is somebody else's.
  void lost(eventstore::Partition partition) { owned_.erase(partition); }

  const std::map<eventstore::Partition, Epoch>& owned() const { return owned_; }
  const std::string& instance() const { return instance_; }

 private:
  // A session of an owner whose lease has run out.
  struct Displaced {
    std::string owner;
    std::string pid;
    std::string started;
    bool operator==(const Displaced&) const = default;
  };

  std::size_t fair_share(pqxx::work& transaction) const;
  void renew_owned(pqxx::work& transaction);
  void give_up_beyond(std::size_t share, pqxx::work& transaction);
  std::vector<Displaced> take_up_to(std::size_t share, pqxx::work& transaction);
  void warn_of_namesake(std::size_t share, pqxx::work& transaction);
  void end_sessions(const std::vector<Displaced>& displaced);

  postgres::Connection& connection_;
  const std::string projection_;
  const std::string instance_;
  const std::chrono::milliseconds duration_;
  const std::string milliseconds_;
  std::string backend_pid_;
  std::string backend_start_;
  std::map<eventstore::Partition, Epoch> owned_;
  std::optional<std::chrono::milliseconds> next_expiry_of_others_;
  bool joined_ = false;
  bool namesake_ = false;  // another session under this name has partitions that this one could have
};

}  // namespace hermes::projections
