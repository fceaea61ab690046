// The exchange of a projection's tables for their copies (rebuild.h), in one short transaction.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "projections/rebuild/parallel_fold.h"
#include "projections/rebuild/rebuild.h"
#include "projections/rebuild/table_copy.h"

namespace hermes::projections {

// How long the swap waits for those who read the tables at this moment. New readers queue behind it, so it is short; when it is
// over they go on, and the swap tries again.
inline constexpr std::chrono::milliseconds kLockWait{40};

struct SwapRequest {
  const Projection& projection;
  std::vector<LiveTable> live;
  std::string schema;                      // of the copies; first in the connection's search_path
  std::string old_schema;                  // where the tables go; exists and is empty
  std::vector<eventstore::Offset> folded;  // how far the copies are, by partition
  int partition_count;
  Skips skips;  // what the copies leave out
};

struct Swapped {
  bool done = false;  // else readers held the tables: catch up and try again
  std::uint64_t events = 0;
  std::chrono::microseconds readers_blocked{};
};

// Throws std::runtime_error if the tables are not what the copies were made from any more, or an event that the copies have was
// skipped meanwhile.
Swapped swap_tables(const SwapRequest& request, postgres::Connection& connection);

}  // namespace hermes::projections
