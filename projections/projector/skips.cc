#include "projections/projector/skips.h"

#include "projections/projector/leases.h"

namespace hermes::projections {

std::vector<RecordedSkip> read_recorded_skips(pqxx::transaction_base& transaction, const Projection& projection) {
  std::vector<RecordedSkip> skips;
  for (const auto& row :
       transaction.exec_params("SELECT partition, \"offset\", skipped_by, to_char(skipped_at AT TIME ZONE 'UTC', "
                               "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
                               "reason FROM projection_skips WHERE projection = $1 ORDER BY partition, \"offset\"",
                               std::string(projection.name()))) {
    skips.push_back({.position = {row[0].as<eventstore::Partition>(), row[1].as<eventstore::Offset>()},
                     .skipped_by = row[2].as<std::string>(),
                     .skipped_at = row[3].as<std::string>(),
                     .reason = row[4].as<std::string>()});
  }
  return skips;
}

Skips read_skips(pqxx::transaction_base& transaction, const Projection& projection) {
  Skips skips;
  for (const RecordedSkip& skip : read_recorded_skips(transaction, projection)) skips.insert(skip.position);
  return skips;
}

void leave_out_skipped(eventstore::RangesRead& read, const Skips& skips) {
  if (skips.empty()) return;
  std::erase_if(read.unreadable, [&](const eventstore::UnreadableEvent& event) {
    if (!skips.contains(event.position)) return false;
    for (eventstore::PartitionRange& range : read.read) {
      if (range.partition == event.position.partition) range.to = event.position.offset + 1;
    }
    return true;
  });
  std::erase_if(read.events, [&](const eventstore::RecordedEvent& event) { return skips.contains(event.position); });
}

Result<Skipped, std::string> skip_event(postgres::Connection& connection, std::string_view projection,
                                        eventstore::Position position, std::string_view reason) {
  pqxx::work transaction(connection);
  const pqxx::result stuck = transaction.exec_params(
      "SELECT projection, stream_id, event_type FROM projection_stuck "
      "WHERE partition = $1 AND \"offset\" = $2 AND ($3 = '' OR projection = $3) FOR UPDATE",
      position.partition, position.offset, std::string(projection));
  const std::string where = eventstore::to_string(position);
  if (stuck.empty()) {
    return fail((projection.empty() ? "no projection is" : std::string(projection) + " is not") + " stuck at " + where +
                ", and only an event that stops a projection can be skipped. See: hermes status");
  }
  if (stuck.size() > 1) return fail("several projections are stuck at " + where + ": name one");
  Skipped skipped{stuck[0][0].c_str(), stuck[0][1].c_str(), stuck[0][2].c_str()};
  transaction.exec_params(
      "INSERT INTO projection_skips (projection, partition, \"offset\", reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
      skipped.projection, position.partition, position.offset, std::string(reason));
  transaction.exec_params("SELECT pg_notify($1, $2)", std::string(kProjectorsChannel), skipped.projection);
  transaction.commit();
  return skipped;
}

}  // namespace hermes::projections
