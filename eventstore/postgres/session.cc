#include "eventstore/postgres/session.h"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>

#include "eventstore/postgres/server_message.h"

namespace hermes::postgres::detail {
namespace {

// To switch off a time-out that may be too short even for this statement: with 1 ms, on a busy machine, most of them fail.
constexpr int kAttempts = 1'000;
constexpr int kTransactionTimeout = 170000;
constexpr int kIdleSessionTimeout = 140000;

// By SET, because a pooler refuses or drops settings in the startup packet, and because SET wins over ALTER ROLE and ALTER
// DATABASE.
constexpr const char* kSettings =
    // The text form of the values that we write and read.
    "SET client_encoding = UTF8; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = postgres; SET TimeZone = 'UTC'; "
    "SET bytea_output = hex; SET extra_float_digits = 1; SET standard_conforming_strings = on; SET array_nulls = on; "
    "SET quote_all_identifiers = off; "
    // What a transaction sees. default_transaction_read_only stays: an operator closes a database for writing with it.
    "SET default_transaction_isolation = 'read committed'; SET default_transaction_deferrable = off; SET row_security = on; "
    // An error ends a transaction, not the session.
    "SET exit_on_error = off; "
    // We read our own views. A minor release brought this setting (CVE-2024-7348).
    "SELECT set_config('restrict_nonsystem_relation_kind', '', false) "
    "WHERE current_setting('restrict_nonsystem_relation_kind', true) IS NOT NULL; "
    // No time-outs: maintenance may take long.
    "SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
    // Our statements are short and many, with the right index for each. The planner compiles (LLVM) statements that look costly
    // to it. As the tables grow, each of ours does some day, and compiling takes longer than running it.
    "SET jit = off; SET plan_cache_mode = auto; SET enable_seqscan = on; SET enable_indexscan = on; SET enable_indexonlyscan = "
    "on; "
    "SET enable_bitmapscan = on; SET enable_nestloop = on; SET enable_hashjoin = on; SET enable_mergejoin = on; SET "
    "enable_sort = on; "
    "SET enable_hashagg = on; SET enable_material = on; "
    // An acknowledged message must be on disk. Projectors and rebuilds, which can be repeated, switch it off again; `local` and
    // the modes that wait for a standby are the operator's choice.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; ";

// Finds the log: a row for each schema that has one, first those of the login's search_path, in its order. Without any log,
// there is one row without a schema; the third column says where a new log would go.
constexpr const char* kLook =
    "SELECT quote_ident(place.schema), place.number IS NOT NULL, quote_ident(current_schema()), "
    "       current_setting('session_replication_role') "
    "FROM (SELECT 1) AS always LEFT JOIN ("
    "  SELECT nspname, array_position(current_schemas(false), nspname) FROM pg_class log "
    "  JOIN pg_namespace ON pg_namespace.oid = log.relnamespace "
    "  JOIN pg_class heads ON heads.relnamespace = log.relnamespace AND heads.relname = 'event_log_heads' "
    "  JOIN pg_class settings ON settings.relnamespace = log.relnamespace AND settings.relname = 'event_log_settings' "
    "  WHERE log.relname = 'event_log' AND log.relkind IN ('r', 'p') AND log.relpersistence <> 't') AS place (schema, number) "
    "ON true "
    "ORDER BY place.number, place.schema";

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, Clear>;

bool succeeded(const ResultPtr& result) {
  const ExecStatusType status = PQresultStatus(result.get());
  return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

std::string quoted(pg_conn* connection, const std::string& name) {
  std::unique_ptr<char, void (*)(void*)> text(PQescapeIdentifier(connection, name.c_str(), name.size()), PQfreemem);
  return text ? text.get() : "";
}

// The schema of this session, quoted; empty when the search_path names none that exists.
Result<std::string, SessionError> schema_of(pg_conn* connection, const ResultPtr& look) {
  const auto text = [&](int row, int column) { return std::string(PQgetvalue(look.get(), row, column)); };
  if (PQgetisnull(look.get(), 0, 0)) return text(0, 2);
  if (text(0, 1) == "t" || PQntuples(look.get()) == 1) return text(0, 0);
  std::string all;
  for (int row = 0; row < PQntuples(look.get()); ++row) all += (all.empty() ? "" : ", ") + text(row, 0);
  return fail(SessionError{"the database holds a log in each of the schemas " + all +
                               ", and the search_path names none of them. Choose one: ALTER ROLE " +
                               quoted(connection, PQuser(connection)) + " SET search_path = " + text(0, 0),
                           true});
}

}  // namespace

Result<Done, SessionError> prepare_session(pg_conn* connection, const std::string& role) {
  // Sent first and alone: the time-out in force applies to all statements sent together.
  for (int attempt = 0; !succeeded(ResultPtr(PQexec(connection, "SET statement_timeout = 0"))); ++attempt) {
    if (attempt == kAttempts || PQstatus(connection) != CONNECTION_OK)
      return fail(SessionError{first_line(PQerrorMessage(connection)), false});
  }
  std::string sql = kSettings;
  if (PQserverVersion(connection) >= kIdleSessionTimeout) sql += "SET idle_session_timeout = 0; ";
  if (PQserverVersion(connection) >= kTransactionTimeout) sql += "SET transaction_timeout = 0; ";
  const ResultPtr look(PQexec(connection, (sql + kLook).c_str()));
  if (!succeeded(look)) return fail(SessionError{first_line(PQerrorMessage(connection)), false});
  const auto schema = schema_of(connection, look);
  if (!schema) return fail(schema.error());

  if (!schema->empty() && !succeeded(ResultPtr(PQexec(connection, ("SET search_path = " + *schema).c_str()))))
    return fail(SessionError{first_line(PQerrorMessage(connection)), false});
  const std::string replication = PQgetvalue(look.get(), 0, 3);
  if (replication != "origin" && !succeeded(ResultPtr(PQexec(connection, "SET session_replication_role = origin")))) {
    return fail(
        SessionError{"session_replication_role is " + replication + " for " + PQuser(connection) +
                         ", which switches triggers and foreign keys off and may not be changed back by it. As a superuser: "
                         "ALTER ROLE " +
                         quoted(connection, PQuser(connection)) + " RESET session_replication_role",
                     true});
  }
  if (role.empty() || succeeded(ResultPtr(PQexec(connection, ("SET ROLE " + quoted(connection, role)).c_str())))) return Done{};
  return fail(SessionError{"cannot act as " + role + ": " + first_line(PQerrorMessage(connection)), false});
}

}  // namespace hermes::postgres::detail
