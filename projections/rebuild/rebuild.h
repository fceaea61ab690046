// Rebuilds a projection's tables from the log while the live ones go on serving readers and moving with the log
// (docs/projections.md, "Rebuild"):
//
//   prepare    removes what an interrupted rebuild left, makes bare copies of the tables in the schema hermes_rebuild_NAME
//   load       folds the log up to its present heads into them, over several connections
//   index      makes keys, indexes, foreign keys, grants and comments as the live tables have them
//   catch up   folds what has been appended since, until little is left
//   swap       one transaction: checkpoints locked, the rest folded, tables exchanged by schema, views pointed at the new ones
//   clean up   drops the old tables
//
// Until the swap commits nothing that anybody can see has changed: a rebuild may be killed at any instant. One rebuild of a
// projection runs at a time. Readers wait for the swap only: no longer than kLockWait for those who read right now, and for the
// exchange itself, a few milliseconds of catalog changes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "eventstore/log/event_log.h"
#include "eventstore/postgres/connection.h"
#include "projections/read_models/projection.h"

namespace hermes::projections {

// What the names of a rebuild's schemas begin with, before the projection's: of the one it builds in, and of the one that holds
// what it has replaced. It removes what it finds there.
inline constexpr const char* kBuildSchemas = "hermes_rebuild_";
inline constexpr const char* kReplacedSchemas = "hermes_replaced_";

struct RebuildSettings {
  postgres::Settings postgres;  // the owner of the tables
  int load_connections = 4;     // the server's work and ours overlap
  int index_connections = 2;    // both of chat's tables side by side
};

enum class Phase { prepare, load, index, catch_up, swap, clean_up };
std::string_view to_string(Phase phase);  // "prepare", ..., "catch up", ...

// What a rebuild tells, from one thread: of a projection, or of all that are folded into one schema. The step is its phase, in
// which events are counted, or statements ("steps").
using hermes::OnProgress;
using hermes::Progress;
Progress progress_of(Phase phase, std::uint64_t done = 0, std::uint64_t total = 0);

struct RebuildReport {
  std::uint64_t events = 0;
  std::chrono::milliseconds load{}, index{}, catch_up{}, total{};
  std::chrono::microseconds readers_blocked{};  // from asking for the lock, the last time, to the end of the commit
  int swap_attempts = 0;
  std::vector<std::string> publications;  // that have the tables without naming them: subscribers have to be told
};

struct RebuildError {
  enum class Kind {
    busy,        // another rebuild of the same thing runs
    in_the_way,  // something hangs on the tables that can't be carried over, or they changed meanwhile
    stopped,     // an event that can't be read or applied
    readers,     // readers held the tables too long
    exists       // the schema is there already
  } kind;
  std::string message;  // one line: what, where, what to do; the live tables are as they were
};

// Requires: a migrated database. Throws pqxx's exceptions and std::runtime_error; the live tables are as they were, except when
// the connection is lost during the swap's commit: then they are either the old or the new ones, all of them.
Result<RebuildReport, RebuildError> rebuild(const Projection& projection, const RebuildSettings& settings,
                                            const OnProgress& on_progress);

// Folds the log afresh into a new schema: tables as the live ones, with keys, indexes, comments and grants, up to, not
// including, `ends[partition]`. For time travel (past.h) and for comparing tables with a fresh fold. The schema may be left
// over from a fold that was interrupted, else it must not exist. Throws as rebuild().
struct FoldInto {
  std::vector<const Projection*> projections;
  std::string schema;
  std::vector<eventstore::Offset> ends;  // indexed by partition
  std::string comment;                   // on the schema, when it is complete
};
Result<RebuildReport, RebuildError> fold_into(const FoldInto& request, const RebuildSettings& settings,
                                              const OnProgress& on_progress);

// Removes a schema that fold_into made, with its tables.
void drop_fold(const RebuildSettings& settings, const std::string& schema);

}  // namespace hermes::projections
