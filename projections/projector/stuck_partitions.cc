#include "projections/projector/stuck_partitions.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace hermes::projections {
namespace {

using eventstore::Offset;
using eventstore::Partition;
using eventstore::Position;

// A checkpoint that is held is looked at again after this time: whoever holds it is at work, or has forgotten it.
constexpr std::chrono::seconds kHeldCheckpointPause{1};

}  // namespace

StuckPartitions::StuckPartitions(postgres::Connection& connection, const Projection& projection, const WorkerSettings& settings,
                                 OwnedPartitions& owned, Suspects& suspects, const ReportStatus& report)
    : connection_(connection),
      projection_(projection),
      settings_(settings),
      owned_(owned),
      suspects_(suspects),
      report_(report) {}

void StuckPartitions::refused(const std::vector<Share>& asked, const std::string& reason) {
  for (const Share& share : asked) {
    const Offset next = owned_.at(share.partition).next;
    if (narrow(suspects_, share, next, asked.size() == 1)) continue;
    suspects_.erase(share.partition);
    stop_at({share.partition, next}, reason);
  }
  report_([](ProjectionStatus& status) { ++status.failures; });
}

void StuckPartitions::cut_short(const std::vector<Share>& asked, Clock::time_point started) {
  const auto now = Clock::now();
  for (const Share& share : asked) {
    narrow(suspects_, share, owned_.at(share.partition).next, asked.size() == 1);
    suspects_.at(share.partition).not_before = now + std::min<Clock::duration>(now - started, settings_.statement_longest);
  }
  report_([](ProjectionStatus& status) { ++status.failures; });
}

void StuckPartitions::took_too_long(const std::vector<Share>& asked, Clock::time_point started, const std::string& reason) {
  spdlog::warn("{}: a batch took too long and is tried again in smaller ones: {}", projection_.name(), reason);
  cut_short(asked, started);
  if (asked.size() > 1 || asked.front().events_max > 1) return;
  Suspect& suspect = suspects_.at(asked.front().partition);
  const Offset next = owned_.at(asked.front().partition).next;
  suspect.slow_tries = suspect.slow_at == next ? suspect.slow_tries + 1 : 1;
  suspect.slow_at = next;
  suspect.reason = "too slow, tried again every now and then: " + reason;
  if (suspect.is_too_slow_at(next)) suspect.not_before = Clock::now() + settings_.slow_event_pause;
}

void StuckPartitions::left_out(const std::vector<Partition>& partitions) {
  for (const Partition partition : partitions) {
    suspects_[partition].not_before = Clock::now() + kHeldCheckpointPause;
    if (left_out_.insert(partition).second) {
      spdlog::warn("{}: the checkpoint of partition {} is held by another session, or missing. The other partitions go on",
                   projection_.name(), partition);
    }
  }
}

void StuckPartitions::stop_at(Position position, const std::string& reason) {
  OwnedPartition& owned = owned_.at(position.partition);
  if (position.offset > owned.next) {
    suspects_[position.partition] = {position.offset + 1, static_cast<std::size_t>(position.offset - owned.next)};
    return;
  }
  pqxx::work transaction(connection_);
  const pqxx::result rows = transaction.exec_params(
      "INSERT INTO projection_stuck (projection, partition, \"offset\", stream_id, event_type, reason) "
      "SELECT $1, partition, \"offset\", stream_id, event_type, $4 FROM event_log WHERE partition = $2 AND \"offset\" = $3 "
      "ON CONFLICT (projection, partition) DO UPDATE SET \"offset\" = excluded.\"offset\", stream_id = excluded.stream_id, "
      "event_type = excluded.event_type, reason = excluded.reason, "
      "since = CASE WHEN projection_stuck.\"offset\" = excluded.\"offset\" THEN projection_stuck.since ELSE excluded.since END "
      "RETURNING stream_id, event_type",
      std::string(projection_.name()), position.partition, position.offset, reason);
  transaction.commit();
  owned.recorded = position.offset;
  owned.stuck = StuckAt{position.offset, rows.at(0)[0].c_str(), rows.at(0)[1].c_str(), reason};
  spdlog::error(
      "{0}: stuck at {1} ({2} of {3}): {4}. The other partitions go on. To leave the event out: hermes project {0} --skip {1} "
      "--reason ...",
      projection_.name(), eventstore::to_string(position), owned.stuck->event_type, owned.stuck->stream_id, reason);
  report_([&](ProjectionStatus& status) { status.partitions[position.partition].stuck = owned.stuck; });
}

void StuckPartitions::stop_at_slow_events() {
  for (const auto& [partition, owned] : owned_) {
    const auto suspect = suspects_.find(partition);
    if (suspect == suspects_.end() || !suspect->second.is_too_slow_at(owned.next) || owned.stuck) continue;
    stop_at({partition, owned.next}, suspect->second.reason);
  }
}

void StuckPartitions::forget_suspect_before(Partition partition, Offset next) {
  const auto suspect = suspects_.find(partition);
  if (suspect != suspects_.end() && next >= suspect->second.until) suspects_.erase(suspect);
}

void StuckPartitions::folded_up_to(Partition partition, Offset next) {
  OwnedPartition& owned = owned_.at(partition);
  owned.next = next;
  left_out_.erase(partition);
  forget_suspect_before(partition, next);
  if (owned.recorded && next > *owned.recorded) resume(partition, owned, "the event could be applied");
}

void StuckPartitions::go_on_where_passed(const Skips& skips) {
  for (auto& [partition, owned] : owned_) {
    if (owned.stuck && skips.contains({partition, owned.stuck->offset}))
      resume(partition, owned, "an operator skipped the event");
    if (owned.stuck && owned.stuck->offset != owned.next) resume(partition, owned, "the checkpoint was moved");
  }
}

void StuckPartitions::resume(Partition partition, OwnedPartition& owned, const char* why) {
  pqxx::work transaction(connection_);
  transaction.exec_params("DELETE FROM projection_stuck WHERE projection = $1 AND partition = $2",
                          std::string(projection_.name()), partition);
  transaction.commit();
  owned.stuck.reset();
  owned.recorded.reset();
  suspects_.erase(partition);
  report_([&](ProjectionStatus& status) { status.partitions[partition].stuck.reset(); });
  spdlog::info("{}: partition {} is not stuck any more: {}", projection_.name(), partition, why);
}

}  // namespace hermes::projections
