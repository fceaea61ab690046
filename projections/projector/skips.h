// Skips: the recorded way past an event that stops a partition of a projection. An operator tells the projection to leave the
// event out, now and in every rebuild. Whoever folds the log (projectors, rebuild, verify) reads the same table and leaves the
// same events out, by the functions here.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "eventstore/log/range_reader.h"
#include "projections/read_models/projection.h"

namespace hermes::projections {

using Skips = std::set<eventstore::Position>;

// What projection_skips has of a projection. Throws pqxx's exceptions.
Skips read_skips(pqxx::transaction_base& transaction, const Projection& projection);

// The same with who left the event out, when and why; ascending.
struct RecordedSkip {
  eventstore::Position position;
  std::string skipped_by;
  std::string skipped_at;  // 2026-01-31T12:00:00Z
  std::string reason;
};
std::vector<RecordedSkip> read_recorded_skips(pqxx::transaction_base& transaction, const Projection& projection);

// Takes the skipped events out of what was read. One that cannot be read is no reason to stop any more: its range ends behind
// it instead of before it, and what is left in `unreadable` does stop the fold.
void leave_out_skipped(eventstore::RangesRead& read, const Skips& skips);

struct Skipped {
  std::string projection;
  std::string stream_id;
  std::string event_type;
};

// Records that the projection is to leave out the event at which it is stuck, and wakes its projectors. An empty name means
// whichever projection is stuck there. Fails with one line if none is, or several are. Requires: the owner of the tables, no
// open transaction.
Result<Skipped, std::string> skip_event(postgres::Connection& connection, std::string_view projection,
                                        eventstore::Position position, std::string_view reason);

}  // namespace hermes::projections
