// The one connection type to PostgreSQL. It is a pqxx connection (so pqxx::work and prepared statements work on it) that also
// lends its PGconn*, which libpqxx 6.4 hides and binary COPY needs (PostgreSQL manual, "libpq: Functions Associated with the
// COPY Command"). Nothing else in Hermes includes libpq-fe.h.
//
// Not thread-safe: one thread at a time, as libpq.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "domain/result.h"

struct pg_conn;

namespace hermes::postgres {

// Where the database is. The password never appears in an error, a log or a command line.
struct Settings {
  // Several, with commas between them, are a server and its standbys: they are tried in this order, and the one that takes
  // writes is the database (docs/failures.md, "Fail-over").
  std::string host = "127.0.0.1";
  std::vector<std::uint16_t> ports{5432};  // of all hosts, or one for each
  std::string database = "public";
  std::string user = "dbowner";
  std::string password;
  std::string role;  // SET ROLE after connecting; empty: stay the login user
  std::string application_name = "hermes";
  std::chrono::seconds connect_timeout{5};
};

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

// Requires: made by connect(). A broken connection stays broken (pqxx::broken_connection is thrown by what uses it): make a new
// one. It never reconnects by itself, for a transaction that silently continues on another session would break the append
// protocol.
class Connection : private detail::PolicyHolder, public pqxx::connection_base {
 public:
  explicit Connection(const Settings& settings);  // throws pqxx::broken_connection; connect() is the usual way
  ~Connection();

  pg_conn* raw();
  int socket() const { return sock(); }
};

}  // namespace hermes::postgres
