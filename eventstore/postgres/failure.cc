#include "eventstore/postgres/failure.h"

#include <pqxx/pqxx>

#include "eventstore/postgres/statements.h"

namespace hermes::eventstore {
namespace {

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

DatabaseFailure classify(const pqxx::sql_error& refused, DatabaseFailure::Kind when_broken) {
  const DatabaseFailure::Kind kind = classify_sqlstate(refused.sqlstate());
  return {kind == DatabaseFailure::Kind::unavailable ? when_broken : kind, first_line(refused.what()), refused.sqlstate()};
}

}  // namespace

DatabaseFailure::Kind classify_sqlstate(std::string_view sqlstate) {
  const std::string_view kind = sqlstate.substr(0, 2);
  // 22 data exception, 23 integrity constraint, 21 cardinality, 44 check option, 54 program limit exceeded (a row too big),
  // P0 raised by a trigger of the user's own.
  for (std::string_view data : {"22", "23", "21", "44", "54", "P0"}) {
    if (kind == data) return DatabaseFailure::Kind::refused;
  }
  // 57P01 to 57P05: the server is shutting down, starting up, or has ended the session; 25P03: it was idle for too long.
  if (kind == "08" || sqlstate.substr(0, 3) == "57P" || sqlstate == "25P03") return DatabaseFailure::Kind::unavailable;
  return DatabaseFailure::Kind::storage_full;
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
    return {when_broken, first_line(broken.what())};
  } catch (const postgres::StatementError& refused) {
    DatabaseFailure failure = classify(refused, when_broken);
    if (failure.kind == DatabaseFailure::Kind::refused && is_own_bookkeeping(refused.constraint)) {
      failure.kind = DatabaseFailure::Kind::storage_full;
      failure.detail += ". Hermes's own bookkeeping is wrong, not the message; see: hermes doctor, hermes verify";
    }
    return failure;
  } catch (const pqxx::sql_error& refused) {
    return classify(refused, when_broken);
  }
}

}  // namespace hermes::eventstore
