#include "projections/rebuild/parallel_fold.h"

#include <algorithm>

#include "projections/projector/live_batch.h"
#include "projections/rebuild/builder_connections.h"

namespace hermes::projections {
namespace {

using eventstore::Offset;
using eventstore::PartitionRange;

// A transaction of the bulk load: large enough that its own cost vanishes, small enough to be a modest piece of memory.
constexpr Offset kChunkEvents = 20'000;
constexpr std::size_t kChunkPayloadBytes = std::size_t{16} << 20;

// Folds one range in order; returns where it ended, for a chunk of large payloads ends early.
Offset fold_chunk(const FoldRequest& request, PartitionRange range, postgres::Connection& connection,
                  pqxx::transaction_base& transaction) {
  eventstore::RangesRead read =
      eventstore::read_ranges(connection, {{range}, unwanted_types(request.projection), kChunkPayloadBytes});
  leave_out_skipped(read, request.skips);
  if (!read.unreadable.empty()) {
    const eventstore::UnreadableEvent& event = read.unreadable.front();
    throw FoldStopped(request.projection, event.position, event.error.detail);
  }
  try {
    if (!read.events.empty()) {
      request.projection.apply(read.events, {connection, transaction, request.partition_count, request.bare});
    }
  } catch (const CannotApply& problem) {
    throw FoldStopped(request.projection, problem.position, problem.reason);
  }
  return read.read.front().to;
}

// What one connection takes at a time. Rows that are only inserted can be folded in any order; others in the order of their
// partition, by one connection.
std::vector<PartitionRange> tasks(const FoldRequest& request) {
  std::vector<PartitionRange> tasks;
  for (const PartitionRange& range : request.ranges) {
    if (range.from >= range.to) continue;
    if (!request.bare) {
      tasks.push_back(range);
      continue;
    }
    for (Offset from = range.from; from < range.to; from += kChunkEvents) {
      tasks.push_back({range.partition, from, std::min(range.to, from + kChunkEvents)});
    }
  }
  // About in the order of the log's time: what belongs together lies together in the table, and its indexes are sorted sooner.
  std::ranges::stable_sort(tasks, {}, &PartitionRange::from);
  return tasks;
}

}  // namespace

FoldStopped::FoldStopped(const Projection& projection, eventstore::Position position, const std::string& reason)
    : std::runtime_error(std::string(projection.name()) + " cannot take the event at " + eventstore::to_string(position) +
                         ": " + reason + ". See: hermes status") {}

void fold_here(const FoldRequest& request, postgres::Connection& connection, pqxx::transaction_base& transaction,
               std::atomic<std::uint64_t>& done) {
  for (const PartitionRange& range : request.ranges) {
    for (Offset from = range.from; from < range.to;) {
      const Offset to = std::min(range.to, from + kChunkEvents);
      const Offset end = fold_chunk(request, {range.partition, from, to}, connection, transaction);
      done += static_cast<std::uint64_t>(end - from);
      from = end;
    }
  }
}

void fold_in_parallel(const FoldRequest& request, std::vector<postgres::ConnectionPtr>& connections,
                      std::atomic<std::uint64_t>& done) {
  const std::vector<PartitionRange> all = tasks(request);
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  on_each(connections, [&](postgres::Connection& connection) {
    try {
      {
        // Statements are planned while the tables are empty: no plan that reads all of a table.
        pqxx::nontransaction setup(connection);
        setup.exec("SET enable_seqscan = off; SET enable_bitmapscan = off");
      }
      for (std::size_t i = next++; i < all.size() && !failed; i = next++) {
        for (Offset from = all[i].from; from < all[i].to && !failed;) {
          const Offset to = std::min(all[i].to, from + kChunkEvents);
          pqxx::work transaction(connection);
          const Offset end = fold_chunk(request, {all[i].partition, from, to}, connection, transaction);
          transaction.commit();
          done += static_cast<std::uint64_t>(end - from);
          from = end;
        }
      }
      pqxx::nontransaction setup(connection);
      setup.exec("RESET enable_seqscan; RESET enable_bitmapscan");
    } catch (...) {
      failed = true;
      throw;
    }
  });
}

}  // namespace hermes::projections
