// The one connection type to PostgreSQL. It is a pqxx connection (so pqxx::work and prepared statements work on it) that also
// lends its PGconn*, which libpqxx 6.4 hides and binary COPY needs (PostgreSQL manual, "libpq: Functions Associated with the
// COPY Command"). Nothing else in Hermes includes libpq-fe.h.
//
// Not thread-safe: one thread at a time, like libpq.
#pragma once

#include <memory>
#include <pqxx/pqxx>
#include <string>

#include "base/result.h"
#include "eventstore/postgres/settings.h"

struct pg_conn;

namespace hermes::postgres {

// One line: what, where, what to do. Exit code 3 at the edge.
struct ConnectError {
  std::string message;
};

class Connection;
using ConnectionPtr = std::unique_ptr<Connection>;

Result<ConnectionPtr, ConnectError> connect(const Settings& settings);

// For messages: "db.example.org:5432", "one:5432,two:5433".
std::string address_of(const Settings& settings);

namespace detail {
struct LendingPolicy;
struct PolicyHolder {
  explicit PolicyHolder(const std::string& options);
  ~PolicyHolder();
  std::unique_ptr<LendingPolicy> policy;
};
}  // namespace detail

// Requires: made by connect(). A broken connection stays broken (every use of it throws pqxx::broken_connection): make a new
// one. It never reconnects by itself, because a transaction that silently continues on another session would break the append
// protocol.
class Connection : private detail::PolicyHolder, public pqxx::connection_base {
 public:
  explicit Connection(const Settings& settings);  // throws pqxx::broken_connection; connect() is the usual way
  ~Connection();

  pg_conn* raw();
  int socket() const { return sock(); }
};

}  // namespace hermes::postgres
