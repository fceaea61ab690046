#include "eventstore/postgres/pooler.h"

#include <libpq-fe.h>
#include <poll.h>

#include <chrono>
#include <optional>
#include <string>

namespace hermes::postgres::detail {
namespace {

// A busy pool almost always gives another session to at least one of this many transactions: then no session needs to be ended.
constexpr int kLooks = 20;
constexpr int kAttempts = 20;
// How long the end of a session may take to arrive. We wait this long only if the pooler does not keep the session.
constexpr std::chrono::milliseconds kEndLimit{1000};

std::optional<std::string> server_process(pg_conn* connection) {
  std::optional<std::string> process;
  // The role's statement_timeout may be very short, and nothing may be set yet: so try several times.
  for (int attempt = 0; attempt < kAttempts && !process && PQstatus(connection) == CONNECTION_OK; ++attempt) {
    PGresult* result = PQexec(connection, "SELECT pg_backend_pid()");
    if (PQresultStatus(result) == PGRES_TUPLES_OK) process = PQgetvalue(result, 0, 0);
    PQclear(result);
  }
  return process;
}

bool run(pg_conn* connection, const char* sql) {
  PGresult* result = PQexec(connection, sql);
  const ExecStatusType status = PQresultStatus(result);
  PQclear(result);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

bool ends_within(pg_conn* connection, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (PQstatus(connection) == CONNECTION_OK) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd socket{PQsocket(connection), POLLIN, 0};
    if (poll(&socket, 1, static_cast<int>(left.count())) > 0) PQconsumeInput(connection);
  }
  return true;
}

}  // namespace

bool is_pooled(pg_conn* connection) {
  const auto process = server_process(connection);
  return process && *process != std::to_string(PQbackendPID(connection));
}

Sharing sharing_of(pg_conn* connection, std::chrono::milliseconds idle) {
  const auto first = server_process(connection);
  for (int look = 1; look < kLooks; ++look) {
    if (server_process(connection) != first) return Sharing::shared;
  }
  const auto told = std::chrono::steady_clock::now();
  // A server before 14 has no such setting: then nothing is known about the pooler.
  if (!run(connection, ("SET idle_session_timeout = " + std::to_string(idle.count())).c_str())) return Sharing::kept;
  // A slow pooler reads the session's end together with the answer, and passes both on before it takes the session back.
  const bool in_time = std::chrono::steady_clock::now() - told < idle;
  // If the machine stood still, a query after the limit shows whether the session has ended.
  const bool ended = ends_within(connection, idle + kEndLimit) || !run(connection, "SELECT 1");
  if (!ended) return Sharing::shared;
  return in_time ? Sharing::kept : Sharing::unclear;
}

}  // namespace hermes::postgres::detail
