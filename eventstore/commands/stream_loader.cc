#include "eventstore/commands/stream_loader.h"

#include "eventstore/commands/snapshots.h"
#include "eventstore/postgres/array_literal.h"
#include "eventstore/postgres/binary_copy.h"
#include "eventstore/postgres/statements.h"
#include "eventstore/schema/payload.h"

namespace hermes::eventstore {
namespace {

void append_uuid(const StreamKey& key, std::string& out) {
  const std::string quoted = postgres::uuid_literal(key);
  out.append(quoted, 1, quoted.size() - 2);
}

// The requested streams as rows (i, partition, stream_key), i from 1.
template <class Streams>
std::string stream_list(const Streams& streams) {
  return "unnest(" +
         postgres::array_literal(streams,
                                 [](const auto& stream, std::string& out) { out += std::to_string(stream.partition); }) +
         "::smallint[], " +
         postgres::array_literal(streams, [](const auto& stream, std::string& out) { append_uuid(stream.key, out); }) +
         "::uuid[]";
}

// Takes the next event of its stream.
void take_row(const StreamToLoad& stream, postgres::BinaryRow& row) {
  CachedAggregate& target = *stream.aggregate;
  const std::string_view stream_id = row.text();
  const Version version = row.int32();
  const std::string_view type = row.text();
  const std::int16_t schema = row.int16();
  const Timestamp at = row.timestamp();
  const std::string where = std::string(stream_id) + " version " + std::to_string(version) + ": ";
  auto event = decode_payload(type, schema, row.bytes());
  if (!event) throw UnreadableStream(where + event.error().detail);
  if (std::holds_alternative<domain::Typing>(target.aggregate)) {
    const auto state = domain::typing_after(*event, at);
    if (!state) throw UnreadableStream(where + state.error().detail);
    target.aggregate = *state;
  } else {
    if (version != target.next_version) throw UnreadableStream(where + "the version before it is missing");
    try {
      apply_event(target.aggregate, *event, at);
    } catch (const UnreadableStream& error) {
      throw UnreadableStream(where + error.what());
    }
  }
  target.next_version = version + 1;
}

void load_rows(postgres::Connection& connection, std::span<const StreamToLoad> streams, const std::string& which) {
  if (streams.empty()) return;
  const std::string query =
      "SELECT k.i, e.stream_id, e.version, e.event_type, e.schema_version, e.recorded_at, e.payload FROM " +
      stream_list(streams) + ", " +
      postgres::array_literal(streams, [](const StreamToLoad& stream,
                                          std::string& out) { out += std::to_string(stream.aggregate->next_version); }) +
      "::int[]) WITH ORDINALITY k (partition, stream_key, version, i) CROSS JOIN LATERAL "
      "(SELECT * FROM event_log WHERE partition = k.partition AND stream_key = k.stream_key AND version >= k.version " +
      which + ") e ORDER BY k.i, e.version";
  postgres::copy_out(connection, query, [&](postgres::BinaryRow row) {
    const StreamToLoad& stream = streams[static_cast<std::size_t>(row.int64() - 1)];
    if (stream.unreadable == nullptr) return take_row(stream, row);
    if (!stream.unreadable->empty()) return;  // events after an unreadable one can't be applied
    try {
      take_row(stream, row);
    } catch (const UnreadableStream& error) {
      *stream.unreadable = error.what();
    }
  });
}

}  // namespace

void apply_event(Aggregate& aggregate, const domain::Event& event, Timestamp at) {
  auto refused = [&](const domain::Rejection& rejection) -> UnreadableStream {
    return UnreadableStream(std::string(domain::event_type(event)) + " can't follow: " + rejection.detail);
  };
  if (auto* message = std::get_if<domain::Message>(&aggregate)) {
    auto applied = domain::apply(std::move(*message), event);
    if (!applied) throw refused(applied.error());
    *message = *std::move(applied);
  } else {
    auto applied = domain::apply(std::get<domain::Typing>(aggregate), event, at);
    if (!applied) throw refused(applied.error());
    aggregate = *applied;
  }
}

void load_streams(postgres::Connection& connection, std::span<const StreamToLoad> streams) {
  std::vector<StreamToLoad> messages, typing;
  for (const StreamToLoad& stream : streams) {
    (std::holds_alternative<domain::Typing>(stream.aggregate->aggregate) ? typing : messages).push_back(stream);
  }
  load_snapshots(connection, messages);
  // LATERAL with OFFSET 0 or LIMIT is one probe of the stream index per key, whatever table size the planner assumes.
  load_rows(connection, messages, "ORDER BY version OFFSET 0");
  load_rows(connection, typing, "ORDER BY version DESC LIMIT 1");
}

std::vector<std::size_t> count_parked(postgres::Connection& connection, std::span<const StreamAddress> streams,
                                      std::size_t most) {
  std::vector<std::size_t> counts(streams.size());
  if (streams.empty()) return counts;
  const std::string query =
      "SELECT k.i, (SELECT count(*) FROM (SELECT FROM parked_events p WHERE p.partition = k.partition AND p.stream_key = "
      "k.stream_key "
      "LIMIT " +
      std::to_string(most) + ") waiting) FROM " + stream_list(streams) + ") WITH ORDINALITY k (partition, stream_key, i)";
  postgres::copy_out(connection, query, [&](postgres::BinaryRow row) {
    const auto stream = static_cast<std::size_t>(row.int64() - 1);
    counts[stream] = static_cast<std::size_t>(row.int64());
  });
  return counts;
}

std::vector<ParkedReceipt> load_parked(postgres::Connection& connection, std::span<const StreamAddress> streams) {
  std::vector<ParkedReceipt> parked;
  if (streams.empty()) return parked;
  const std::string query =
      "SELECT k.i, p.id, p.message_id, p.status, p.user_id, p.occurred_at, p.received_at, p.topic, p.payload, p.sequence "
      "FROM " +
      stream_list(streams) +
      ") WITH ORDINALITY k (partition, stream_key, i) "
      "JOIN parked_events p ON p.partition = k.partition AND p.stream_key = k.stream_key ORDER BY p.id";
  postgres::copy_out(connection, query, [&](postgres::BinaryRow row) {
    const auto stream = static_cast<std::size_t>(row.int64() - 1);
    const std::int64_t id = row.int64();
    auto message_id = domain::MessageId::parse(row.text());
    auto status = domain::parse_status(row.text());
    auto user = domain::UserId::parse(row.text());
    if (!message_id || !status || !user)
      return;  // Hermes did not write it; it goes to rejected_events when it has waited too long
    parked.push_back({.id = id,
                      .stream = stream,
                      .receipt = {std::move(*message_id), *status, std::move(*user)},
                      .occurred_at = row.optional_timestamp(),
                      .received_at = row.timestamp(),
                      .topic = std::string(row.text()),
                      .payload = std::string(row.bytes()),
                      .sequence = row.int64()});
  });
  return parked;
}

}  // namespace hermes::eventstore
