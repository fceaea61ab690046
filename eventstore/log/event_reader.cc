#include "eventstore/log/event_reader.h"

#include <algorithm>
#include <stdexcept>

#include "eventstore/postgres/binary_copy.h"
#include "eventstore/postgres/statements.h"

namespace hermes::eventstore {
namespace {

constexpr std::string_view kColumns =
    "partition, \"offset\", stream_id, version, event_type, schema_version, actor_id, occurred_at, recorded_at, received_at, "
    "payload";

// A scan asks for this many events at a time. One query for everything would have to be cancelled, and its transaction aborted,
// when an unreadable event ends the scan early.
constexpr Offset kScanChunk = 20'000;

// Decodes rows until one can't be read, and drops the rows after it.
class Decoder {
 public:
  explicit Decoder(const std::function<void(RecordedEvent&&)>& on_event) : on_event_(on_event) {}

  void operator()(postgres::BinaryRow row) {
    if (unreadable) return;
    RecordedEvent recorded{.position = {},
                           .stream_id = {},
                           .version = 0,
                           .schema_version = 1,
                           .actor_id = {},
                           .occurred_at = {},
                           .recorded_at = {},
                           .received_at = {},
                           .event = domain::MessageReceived{}};
    recorded.position.partition = row.int16();
    recorded.position.offset = row.int64();
    recorded.stream_id = row.text();
    recorded.version = row.int32();
    const std::string_view event_type = row.text();
    recorded.schema_version = row.int16();
    recorded.actor_id = row.text();
    recorded.occurred_at = row.optional_timestamp();
    recorded.recorded_at = row.timestamp();
    recorded.received_at = row.optional_timestamp();
    auto event = decode_payload(event_type, recorded.schema_version, row.bytes());
    if (!event) {
      unreadable = UnreadableEvent{recorded.position, std::move(recorded.stream_id), std::move(event.error())};
      return;
    }
    recorded.event = std::move(*event);
    on_event_(std::move(recorded));
  }

  std::optional<UnreadableEvent> unreadable;

 private:
  const std::function<void(RecordedEvent&&)>& on_event_;
};

std::optional<UnreadableEvent> read(postgres::Connection& connection, const std::string& condition,
                                    const std::function<void(RecordedEvent&&)>& on_event) {
  Decoder decoder(on_event);
  postgres::copy_out(connection, "SELECT " + std::string(kColumns) + " FROM event_log WHERE " + condition, std::ref(decoder));
  return std::move(decoder.unreadable);
}

EventBatch read_batch(postgres::Connection& connection, const std::string& condition) {
  EventBatch batch;
  batch.unreadable = read(connection, condition, [&](RecordedEvent&& event) { batch.events.push_back(std::move(event)); });
  return batch;
}

int partition_count(postgres::Connection& connection) {
  postgres::Statements statements(connection);
  statements.send("SELECT partition_count FROM event_log_settings");
  const postgres::TextRows rows = statements.rows();
  statements.finish();
  if (rows.size() != 1) throw std::runtime_error("event_log_settings is empty. Run: hermes migrate");
  return static_cast<int>(rows.integer(0, 0));
}

}  // namespace

EventBatch read_partition(postgres::Connection& connection, Partition partition, Offset from, std::size_t limit) {
  return read_batch(connection, "partition = " + std::to_string(partition) + " AND \"offset\" >= " + std::to_string(from) +
                                    " ORDER BY \"offset\" LIMIT " + std::to_string(limit));
}

EventBatch read_stream(postgres::Connection& connection, std::string_view stream_id, std::optional<std::size_t> limit) {
  const StreamKey key = stream_key(stream_id);
  return read_batch(connection, "partition = " + std::to_string(partition_of(key, partition_count(connection))) +
                                    " AND stream_key = " + postgres::uuid_literal(key) + " ORDER BY version" +
                                    (limit ? " LIMIT " + std::to_string(*limit) : ""));
}

std::vector<Offset> read_heads(postgres::Connection& connection) {
  postgres::Statements statements(connection);
  statements.send("SELECT partition, next_offset FROM event_log_heads ORDER BY partition");
  const postgres::TextRows rows = statements.rows();
  statements.finish();
  std::vector<Offset> heads;
  for (int row = 0; row < rows.size(); ++row) {
    if (rows.integer(row, 0) != row) throw std::runtime_error("event_log_heads lacks partition " + std::to_string(row));
    heads.push_back(rows.integer(row, 1));
  }
  return heads;
}

std::optional<UnreadableEvent> scan_partition(postgres::Connection& connection, Partition partition, Offset from, Offset to,
                                              const std::function<void(RecordedEvent&&)>& on_event) {
  for (Offset begin = from; begin < to; begin += kScanChunk) {
    const Offset end = std::min(to, begin + kScanChunk);
    auto unreadable = read(connection,
                           "partition = " + std::to_string(partition) + " AND \"offset\" >= " + std::to_string(begin) +
                               " AND \"offset\" < " + std::to_string(end) + " ORDER BY \"offset\"",
                           on_event);
    if (unreadable) return unreadable;
  }
  return std::nullopt;
}

}  // namespace hermes::eventstore
