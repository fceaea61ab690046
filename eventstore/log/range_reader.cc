#include "eventstore/log/range_reader.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "eventstore/postgres/array_literal.h"
#include "eventstore/postgres/binary_copy.h"

namespace hermes::eventstore {
namespace {

std::string query_for(postgres::Connection& connection, const RangeRequest& request) {
  using postgres::array_literal;
  const auto list = [&](auto PartitionRange::*member) {
    return array_literal(request.ranges,
                         [&](const PartitionRange& range, std::string& out) { out += std::to_string(range.*member); });
  };
  std::string except;
  for (std::string_view type : request.except_types) {
    except += (except.empty() ? "" : ", ") + connection.quote(std::string(type));
  }
  if (!except.empty()) except = " AND event_type NOT IN (" + except + ")";
  return "SELECT log.* FROM unnest(" + list(&PartitionRange::partition) + "::smallint[], " + list(&PartitionRange::from) +
         "::bigint[], " + list(&PartitionRange::to) +
         "::bigint[]) AS range (partition, first, past) CROSS JOIN LATERAL ("
         "SELECT partition, \"offset\", stream_id, version, event_type, schema_version, actor_id, occurred_at, recorded_at, "
         "received_at, payload "
         "FROM event_log WHERE partition = range.partition AND \"offset\" >= range.first AND \"offset\" < range.past" +
         except + " ORDER BY \"offset\") AS log";
}

// Takes the rows as they come and decides where each range ends.
class Collector {
 public:
  explicit Collector(const RangeRequest& request) : bytes_left_(request.bytes_max) {
    result_.read = request.ranges;
    for (std::size_t i = 0; i < request.ranges.size(); ++i) range_of_[request.ranges[i].partition] = i;
  }

  void operator()(postgres::BinaryRow row) {
    RecordedEvent event{{}, {}, 0, 1, {}, {}, {}, {}, domain::MessageReceived{}};  // the event itself comes last
    event.position.partition = row.int16();
    event.position.offset = row.int64();
    PartitionRange& range = result_.read[range_of_.at(event.position.partition)];
    if (event.position.offset >= range.to) return;  // the range has ended early
    event.stream_id = row.text();
    event.version = row.int32();
    const std::string_view type = row.text();
    event.schema_version = row.int16();
    event.actor_id = row.text();
    event.occurred_at = row.optional_timestamp();
    event.recorded_at = row.timestamp();
    event.received_at = row.optional_timestamp();
    const std::string_view payload = row.bytes();

    // One event always fits: a reader that makes no progress would ask for it for ever.
    if (payload.size() > bytes_left_ && !result_.events.empty()) return end_all_after(event.position);
    bytes_left_ -= std::min(bytes_left_, payload.size());

    auto decoded = decode_payload(type, event.schema_version, payload);
    if (!decoded) {
      range.to = event.position.offset;
      result_.unreadable.push_back({event.position, std::move(event.stream_id), std::move(decoded.error())});
      return;
    }
    event.event = std::move(*decoded);
    result_.events.push_back(std::move(event));
  }

  RangesRead take() { return std::move(result_); }

 private:
  void end_all_after(Position position) {
    std::size_t i = range_of_.at(position.partition);
    result_.read[i].to = position.offset;
    for (++i; i < result_.read.size(); ++i) result_.read[i].to = result_.read[i].from;
  }

  RangesRead result_;
  std::unordered_map<Partition, std::size_t> range_of_;
  std::size_t bytes_left_;
};

}  // namespace

RangesRead read_ranges(postgres::Connection& connection, const RangeRequest& request) {
  Collector collector(request);
  if (!request.ranges.empty()) {
    postgres::copy_out(connection, query_for(connection, request), [&](postgres::BinaryRow row) { collector(row); });
  }
  return collector.take();
}

}  // namespace hermes::eventstore
