// Reads ranges of several partitions at once, for folding the log: one query, one pass, decoded on the way. The query leaves
// out types that the caller does not need.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "eventstore/log/event_reader.h"

namespace hermes::eventstore {

// The events [from, to) of a partition.
struct PartitionRange {
  Partition partition = 0;
  Offset from = 0;
  Offset to = 0;
};

struct RangeRequest {
  std::vector<PartitionRange> ranges;  // of distinct partitions
  // Event types to leave out, as in the log's column: names that this binary knows. Events of unknown types are always read,
  // and reported as unreadable.
  std::vector<std::string_view> except_types;
  // The most bytes of payloads in memory. The range that exceeds it ends early, and those after it are empty.
  std::size_t bytes_max = 0;
};

struct RangesRead {
  std::vector<RecordedEvent> events;        // range by range, each in order
  std::vector<PartitionRange> read;         // the request's ranges, with `to` lowered if a range ended early
  std::vector<UnreadableEvent> unreadable;  // the events that cannot be read, at which ranges ended early
};

// Requires: a transaction is open on `connection`. Throws pqxx's exceptions.
RangesRead read_ranges(postgres::Connection& connection, const RangeRequest& request);

}  // namespace hermes::eventstore
