// The event log: what a position is, and what an event looks like once it is recorded. docs/event-log.md specifies the tables,
// the append protocol and the hash chain.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/timestamp.h"
#include "domain/events.h"
#include "eventstore/postgres/binary_copy.h"
#include "eventstore/schema/partition_count.h"

namespace hermes::eventstore {

using Partition = std::int16_t;          // 0 .. partition_count - 1
using Offset = std::int64_t;             // 0, 1, 2, ... without a gap in its partition
using Version = std::int32_t;            // 0, 1, 2, ... without a gap in its stream
using Hash = std::array<std::byte, 32>;  // SHA-256
using StreamKey = postgres::Uuid;        // the first 16 bytes of SHA-256 of the stream id

// Written P:O, as in `hermes tail --from 3:1200`.
struct Position {
  Partition partition = 0;
  Offset offset = 0;
  auto operator<=>(const Position&) const = default;
};
std::string to_string(Position position);
std::optional<Position> parse_position(std::string_view text);

StreamKey stream_key(std::string_view stream_id);
// The key's last eight bytes, big-endian, modulo the count.
Partition partition_of(const StreamKey& key, int partition_count);

// A row of event_log with its payload decoded (and upcast to today's schema).
struct RecordedEvent {
  Position position;
  std::string stream_id;
  Version version = 0;
  std::int16_t schema_version = 1;  // as recorded
  std::string actor_id;
  std::optional<Timestamp> occurred_at;  // the client's claim
  Timestamp recorded_at;                 // the database's clock
  std::optional<Timestamp> received_at;  // the ingester's clock; nothing in rows older than this column
  domain::Event event;

  // The order of a conversation (docs/event-log.md, "Order").
  Timestamp arrived_at() const { return received_at.value_or(recorded_at); }
};

// The channel that is notified once per append transaction; the payload lists the partitions: "0,3,7".
inline constexpr std::string_view kNotificationChannel = "hermes_events";

// The checksum of a stream's snapshot covers this text besides the bytes: which stream, how many events.
std::string snapshot_binding(const StreamKey& key, Version next_version);

}  // namespace hermes::eventstore
