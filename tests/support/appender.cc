#include "tests/support/appender.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "eventstore/postgres/statements.h"
#include "eventstore/schema/migrations.h"
#include "eventstore/schema/payload.h"

namespace hermes::test_support {

using namespace eventstore;  // what it is made of

Appender::Appender(postgres::Connection& connection)
    : connection_(connection), partition_count_(read_partition_count(connection)) {}

Result<std::vector<Position>, AppendError> Appender::append(std::span<const StreamAppend> appends) {
  struct Stream {
    StreamKey key;
    Partition partition;
    std::int64_t version = 0;
  };
  std::map<std::string_view, Stream> streams;
  std::vector<Partition> partitions;
  for (const StreamAppend& append : appends) {
    const StreamKey key = stream_key(append.stream_id);
    const Partition partition = partition_of(key, partition_count_);
    streams.emplace(append.stream_id, Stream{key, partition});
    partitions.push_back(partition);
  }
  std::sort(partitions.begin(), partitions.end());
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());

  std::optional<AppendTransaction> transaction;
  try {
    transaction.emplace(connection_, buffers_, partitions);
    for (auto& [id, stream] : streams) {
      postgres::Statements statements(connection_);
      statements.send("SELECT coalesce(max(version) + 1, 0) FROM event_log WHERE partition = " +
                      std::to_string(stream.partition) + " AND stream_key = " + postgres::uuid_literal(stream.key));
      stream.version = statements.rows().integer(0, 0);
      statements.finish();
    }
    std::vector<Position> positions;
    std::string payload;
    for (const StreamAppend& append : appends) {
      Stream& stream = streams.at(append.stream_id);
      if (append.expected_version && *append.expected_version != stream.version) {
        VersionConflict conflict{append.stream_id, *append.expected_version, stream.version};
        std::string detail = conflict.stream_id + " has " + std::to_string(conflict.actual) + " events, not " +
                             std::to_string(conflict.expected) + ": read it again and decide again";
        return fail(AppendError{{DatabaseFailure::Kind::refused, std::move(detail)}, std::move(conflict)});
      }
      for (const domain::Event& event : append.events) {
        payload.clear();
        encode_payload(event, payload);
        positions.push_back(transaction->add(stream.partition, {.key = stream.key,
                                                                .stream_id = append.stream_id,
                                                                .version = static_cast<Version>(stream.version++),
                                                                .event_type = domain::event_type(event),
                                                                .schema_version = schema_version(event),
                                                                .actor_id = append.actor_id,
                                                                .occurred_at = append.occurred_at,
                                                                .payload = payload,
                                                                .received_at = append.received_at}));
      }
    }
    transaction->commit();
    return positions;
  } catch (const pqxx::failure&) {
    return fail(AppendError{classify(std::current_exception(), transaction && transaction->commit_sent()), std::nullopt});
  }
}

}  // namespace hermes::test_support
