// Waits for a database that an ingester can work with.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/stop_signal.h"
#include "eventstore/postgres/connection.h"

namespace hermes::ingest {

struct UnfitDatabase {
  std::string message;  // one line: what, where, what to do
};

// Connects, with back-off for as long as it takes, and returns the log's partition count; nothing if `stop` was requested
// first. Each attempt that fails is told to the log. Fails when the database is not of this program's version: waiting does not
// mend that. Throws pqxx's exceptions other than that of a lost connection.
Result<std::optional<int>, UnfitDatabase> reach_database(const postgres::Settings& settings, const StopSignal& stop);

}  // namespace hermes::ingest
