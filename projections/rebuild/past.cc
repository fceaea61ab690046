#include "projections/rebuild/past.h"

namespace hermes::projections {
namespace {

using eventstore::Offset;
using eventstore::Position;

std::optional<Timestamp> recorded_at(pqxx::transaction_base& transaction, Position position) {
  const pqxx::result found = transaction.exec_params(
      "SELECT (extract(epoch FROM recorded_at) * 1000000)::bigint FROM event_log WHERE partition = $1 AND \"offset\" = $2",
      position.partition, position.offset);
  if (found.empty()) return std::nullopt;
  return Timestamp{std::chrono::microseconds(found[0][0].as<std::int64_t>())};
}

}  // namespace

std::vector<Offset> ends_at(pqxx::transaction_base& transaction, Timestamp time) {
  std::vector<Offset> ends;
  // Waits for appends under way: what they record may be no later than `time`. They lock in this order too.
  for (const auto& row : transaction.exec("SELECT partition, next_offset FROM event_log_heads ORDER BY partition FOR SHARE")) {
    // recorded_at never goes back within a partition: halve what is left, by the primary key.
    const auto partition = row[0].as<eventstore::Partition>();
    Offset first = 0;
    Offset last = row[1].as<Offset>();
    while (first < last) {
      const Offset middle = first + (last - first) / 2;
      const auto at = recorded_at(transaction, {partition, middle});
      if (at && *at <= time) {
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    ends.push_back(first);
  }
  return ends;
}

std::optional<std::vector<Offset>> ends_at(pqxx::transaction_base& transaction, Position position) {
  const auto time = recorded_at(transaction, position);
  if (!time) return std::nullopt;
  std::vector<Offset> ends = ends_at(transaction, *time);
  ends.at(static_cast<std::size_t>(position.partition)) = position.offset + 1;
  return ends;
}

}  // namespace hermes::projections
