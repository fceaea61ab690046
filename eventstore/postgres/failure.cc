#include "eventstore/postgres/failure.h"

#include <pqxx/pqxx>

#include "eventstore/postgres/server_message.h"
#include "eventstore/postgres/statements.h"

namespace hermes::eventstore {
namespace {

DatabaseFailure classify(const pqxx::sql_error& refused, DatabaseFailure::Kind when_broken) {
  const DatabaseFailure::Kind kind = classify_sqlstate(refused.sqlstate());
  return {kind == DatabaseFailure::Kind::unavailable ? when_broken : kind, postgres::first_line(refused.what()),
          refused.sqlstate()};
}

}  // namespace

DatabaseFailure::Kind classify_sqlstate(std::string_view sqlstate) {
  const std::string_view kind = sqlstate.substr(0, 2);
  // 57P01 to 57P05: the server is shutting down, starting up, or has ended the session; 25P03: it was idle for too long.
  if (kind == "08" || sqlstate.substr(0, 3) == "57P" || sqlstate == "25P03") return DatabaseFailure::Kind::unavailable;
  // Problems of the server, the session, the schema or a permission, whatever the data: a success or warning with an error (00
  // to 03), an unsupported feature (0A), transactions, cursors and locators (0B, 0F, 24, 25, 26, 2D, 34, 3B), rights (0L, 0P,
  // 28, 2B, 42), the wrong database or schema (3D, 3F), rollbacks because of other transactions (40), resources (53), states of
  // objects and locks (55), interventions (57), the system (58), snapshots (72), configuration (F0), foreign data (HV), damage
  // (XX).
  for (std::string_view later : {"",   "00", "01", "02", "03", "0A", "0B", "0F", "0L", "0P", "24", "25", "26", "28", "2B",
                                 "2D", "34", "3B", "3D", "3F", "40", "42", "53", "55", "57", "58", "72", "F0", "HV", "XX"}) {
    if (kind == later) return DatabaseFailure::Kind::later;
  }
  // Everything else is about the data: values that a type, constraint or limit refuses, and errors that the operator's own
  // functions, triggers and constraints raise, with any code.
  return DatabaseFailure::Kind::refused;
}

bool is_own_bookkeeping(std::string_view constraint) {
  if (constraint.starts_with("event_log_heads_")) return true;
  for (std::string_view own : {"event_log_pkey", "event_log_stream_version", "stream_snapshots_pkey", "rejected_events_pkey",
                               "parked_events_pkey", "postponed_events_pkey"}) {
    if (constraint == own) return true;
  }
  return false;
}

DatabaseFailure classify(std::exception_ptr error, bool commit_sent) {
  const DatabaseFailure::Kind when_broken =
      commit_sent ? DatabaseFailure::Kind::outcome_unknown : DatabaseFailure::Kind::unavailable;
  try {
    std::rethrow_exception(error);
  } catch (const pqxx::broken_connection& broken) {
    return {when_broken, postgres::first_line(broken.what())};
  } catch (const postgres::StatementError& refused) {
    DatabaseFailure failure = classify(refused, when_broken);
    if (failure.kind == DatabaseFailure::Kind::refused && is_own_bookkeeping(refused.constraint)) {
      failure.kind = DatabaseFailure::Kind::later;
      failure.detail += ". Hermes's own bookkeeping is wrong, not the message; see: hermes doctor, hermes verify";
    }
    return failure;
  } catch (const pqxx::sql_error& refused) {
    return classify(refused, when_broken);
  }
}

}  // namespace hermes::eventstore
