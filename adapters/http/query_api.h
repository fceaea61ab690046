// The query service that chat clients ask for history, statuses, inboxes and timelines: read-only HTTP over the read models and
// the log. docs/openapi.yaml specifies it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "adapters/http/server.h"
#include "eventstore/postgres/connection_pool.h"

namespace hermes::http {

inline constexpr std::size_t kPageDefault = 50;
inline constexpr std::size_t kPageMax = 500;

// A request waits this long for a free connection, then gets 503: a longer queue would hold only requests whose clients have
// given up.
inline constexpr std::chrono::milliseconds kConnectionWait{2000};

class QueryApi {
 public:
  // `log_error` gets one line on what went wrong with the database; the client's answer says less. The pool must outlive the
  // server.
  QueryApi(postgres::ConnectionPool& pool, std::function<void(const std::string&)> log_error);

  // Adds the routes. Requires: before server.start(); the QueryApi outlives the server.
  void mount(Server& server);

 private:
  using Answer = std::function<Response(postgres::Connection&)>;
  Response ask(const Answer& answer);

  Response list_messages(const Request& request);
  Response get_message(const Request& request);
  Response get_status(const Request& request);
  Response get_timeline(const Request& request);
  Response get_inbox(const Request& request);
  Response get_receipts(const Request& request);
  Response get_undelivered(const Request& request);
  Response list_users(const Request& request);
  Response health(const Request& request);

  postgres::ConnectionPool& pool_;
  std::function<void(const std::string&)> log_error_;
};

// Sets up a connection of the pool: only reads, none longer than five seconds. For ConnectionPool's `prepare`.
void make_read_only(postgres::Connection& connection);

}  // namespace hermes::http
