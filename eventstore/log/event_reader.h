// Reads the log. A reader that has seen offset n of a partition has seen everything before n: offsets are gapless and in commit
// order.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/log/event_log.h"
#include "eventstore/schema/payload.h"

namespace hermes::eventstore {

// An event in the log that cannot be read. It is reported, never skipped.
struct UnreadableEvent {
  Position position;
  std::string stream_id;
  PayloadError error;
};

// A run of events of one partition, in order. If `unreadable` is set, `events` ends just before it.
struct EventBatch {
  std::vector<RecordedEvent> events;
  std::optional<UnreadableEvent> unreadable;
};

// All functions run in the transaction that is open on `connection`, and throw pqxx's exceptions.

// Up to `limit` events of `partition` from offset `from` on.
EventBatch read_partition(postgres::Connection& connection, Partition partition, Offset from, std::size_t limit);

// The events of the stream, by version; at most the first `limit`, if there is a limit. Empty if there is no such stream.
EventBatch read_stream(postgres::Connection& connection, std::string_view stream_id,
                       std::optional<std::size_t> limit = std::nullopt);

// Where each partition ends: next_offset, indexed by partition. Also tells the partition count.
std::vector<Offset> read_heads(postgres::Connection& connection);

// Streams a range [from, to) of a partition in constant memory, for rebuilds and exports. Calls `on_event` in order; stops at
// an event that cannot be read and returns it.
std::optional<UnreadableEvent> scan_partition(postgres::Connection& connection, Partition partition, Offset from, Offset to,
                                              const std::function<void(RecordedEvent&&)>& on_event);

}  // namespace hermes::eventstore
