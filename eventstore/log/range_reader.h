// Reads ranges of several partitions at once, for those who fold the log: one query, one pass, decoded on the way. Types that
// the reader has no use for stay in the database.
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
  // Event types to leave out, as in the log's column: names that this binary knows. Others are always read, and found
  // unreadable.
  std::vector<std::string_view> except_types;
  // What is kept of the payloads in memory. The range that goes over it ends early, and those after it are empty.
  std::size_t bytes_max = 0;
};

struct RangesRead {
  std::vector<RecordedEvent> events;        // range by range, each in order
  std::vector<PartitionRange> read;         // the request's ranges, `to` lowered where a range ended early
  std::vector<UnreadableEvent> unreadable;  // where ranges ended early for an event that cannot be read
};

// Requires: a transaction is open on `connection`. Throws pqxx's exceptions.
RangesRead read_ranges(postgres::Connection& connection, const RangeRequest& request);

}  // namespace hermes::eventstore
