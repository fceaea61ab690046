#include "projections/projector/live_batch.h"

#include <algorithm>

#include "eventstore/postgres/array_literal.h"

namespace hermes::projections {
namespace {

using eventstore::Offset;
using eventstore::Partition;
using eventstore::PartitionRange;

struct Locked {
  std::vector<PartitionRange> ranges;  // what is to be folded
  std::vector<Partition> left_out;     // somebody else holds the checkpoint, or it is gone
};

// Locks the checkpoints of the partitions that are still ours, and tells where they stand. One that another session holds is
// not waited for: the other partitions go on.
Locked lock(pqxx::work& transaction, const Projection& projection, std::string_view owner, std::span<const Share> shares) {
  postgres::ArrayLiteral partitions, epochs;
  for (const Share& share : shares) {
    partitions.add(static_cast<long long>(share.partition));
    epochs.add(static_cast<long long>(share.epoch));
  }
  const pqxx::result locked = transaction.exec_prepared("batch_lock", std::string(projection.name()), partitions.str(),
                                                        epochs.str(), std::string(owner));
  Locked result;
  std::vector<Partition> lost;
  auto row = locked.begin();
  for (const Share& share : shares) {
    if (row == locked.end() || (*row)[0].as<Partition>() != share.partition) {
      lost.push_back(share.partition);
      continue;
    }
    if ((*row)[1].is_null()) {
      result.left_out.push_back(share.partition);
    } else {
      const auto from = (*row)[1].as<Offset>();
      const Offset to = std::min(share.end, from + static_cast<Offset>(share.events_max));
      if (to > from) result.ranges.push_back({share.partition, from, to});
    }
    ++row;
  }
  if (!lost.empty()) throw LeaseLost(std::move(lost));
  return result;
}

void move_checkpoints(pqxx::work& transaction, const Projection& projection, std::string_view owner,
                      std::span<const Share> shares, std::span<const BatchDone::Moved> moved) {
  postgres::ArrayLiteral partitions, offsets, epochs;
  for (const BatchDone::Moved& move : moved) {
    partitions.add(static_cast<long long>(move.partition));
    offsets.add(static_cast<long long>(move.to));
    const auto share = std::ranges::find(shares, move.partition, &Share::partition);
    epochs.add(static_cast<long long>(share->epoch));
  }
  const pqxx::result rows = transaction.exec_prepared("batch_move", std::string(projection.name()), partitions.str(),
                                                      offsets.str(), epochs.str(), std::string(owner));
  if (rows.affected_rows() == moved.size()) return;
  std::vector<Partition> all;
  for (const BatchDone::Moved& move : moved) all.push_back(move.partition);
  throw LeaseLost(std::move(all));
}

void prepare(postgres::Connection& connection) {
  connection.prepare(
      "batch_lock",
      "WITH held AS (SELECT partition, next_offset FROM projection_checkpoints WHERE projection = $1 "
      "  AND partition = ANY ($2::smallint[]) FOR UPDATE SKIP LOCKED) "
      "SELECT mine.partition, held.next_offset FROM unnest($2::smallint[], $3::bigint[]) AS mine (partition, epoch) "
      "JOIN projection_leases lease ON lease.projection = $1 AND lease.partition = mine.partition "
      "  AND lease.epoch = mine.epoch AND lease.owner = $4 "
      "LEFT JOIN held ON held.partition = mine.partition ORDER BY mine.partition");
  connection.prepare(
      "batch_move",
      "UPDATE projection_checkpoints checkpoint SET next_offset = mine.next_offset, updated_at = clock_timestamp() "
      "FROM unnest($2::smallint[], $3::bigint[], $4::bigint[]) AS mine (partition, next_offset, epoch) "
      "JOIN projection_leases lease ON lease.projection = $1 AND lease.partition = mine.partition "
      "  AND lease.epoch = mine.epoch AND lease.owner = $5 "
      "WHERE checkpoint.projection = $1 AND checkpoint.partition = mine.partition");
}

}  // namespace

std::vector<std::string_view> unwanted_types(const Projection& projection) {
  std::vector<std::string_view> unwanted;
  const auto wanted = projection.event_types();
  for (std::string_view type : domain::all_event_types()) {
    if (std::ranges::find(wanted, type) == wanted.end()) unwanted.push_back(type);
  }
  return unwanted;
}

BatchDone fold_live_batch(postgres::Connection& connection, const Projection& projection, std::string_view owner,
                          std::span<const Share> shares, const Skips& skips, int partition_count, BatchLimits limits) {
  prepare(connection);
  pqxx::work transaction(connection);
  BatchDone done;
  eventstore::RangeRequest request;
  Locked locked = lock(transaction, projection, owner, shares);
  request.ranges = std::move(locked.ranges);
  done.left_out = std::move(locked.left_out);
  if (request.ranges.empty()) return done;
  request.except_types = unwanted_types(projection);
  request.bytes_max = limits.payload_bytes_max;

  eventstore::RangesRead batch = eventstore::read_ranges(connection, request);
  leave_out_skipped(batch, skips);
  done.unreadable = std::move(batch.unreadable);
  for (const PartitionRange& range : batch.read) {
    if (range.to > range.from) done.moved.push_back({range.partition, range.from, range.to});
  }
  if (done.moved.empty()) return done;

  if (!batch.events.empty()) projection.apply(batch.events, {connection, transaction, partition_count});
  move_checkpoints(transaction, projection, owner, shares, done.moved);
  transaction.commit();
  return done;
}

}  // namespace hermes::projections
