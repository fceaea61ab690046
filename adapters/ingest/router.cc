#include "adapters/ingest/router.h"

#include <utility>

#include "domain/stream_id.h"

namespace hermes::ingest {
namespace {

// What is skipped is told to the ledger in groups: each telling may cost the spool a write.
constexpr std::size_t kSkippedMax = 256;

std::size_t worker_of(const eventstore::Incoming& incoming, std::size_t worker_count, int partition_count) {
  if (worker_count == 1) return 0;
  const auto* command = std::get_if<domain::Command>(&incoming.content);
  if (!command) return incoming.sequence % worker_count;  // a rejection belongs to no stream
  const eventstore::StreamKey key = eventstore::stream_key(domain::stream_of(*command));
  return static_cast<std::size_t>(eventstore::partition_of(key, partition_count)) % worker_count;
}

}  // namespace

bool is_own_echo(const domain::Command& command) {
  const auto* receipt = std::get_if<domain::RecordReceipt>(&command);
  return receipt && receipt->user.str() == wire::kServerUser &&
         (receipt->status == domain::Status::received_by_server || receipt->status == domain::Status::sent);
}

void Router::wake() {
  wakeups_.fetch_add(1);
  wakeups_.notify_one();
}

void Router::stop() {
  stopping_ = true;
  wake();
}

void Router::run(std::span<const Push> workers, int partition_count, Ledger& ledger, Metrics& metrics) {
  while (!stopping_) {
    const std::uint32_t seen = wakeups_;
    while (!stopping_) {
      std::optional<spool::Record> record = spool_.next();
      if (!record) break;
      ledger.begin(record->sequence);
      if (!route(std::move(*record), workers, partition_count, metrics)) return;
      if (skipped_.size() >= kSkippedMax) flush_skipped();
    }
    flush_skipped();
    wakeups_.wait(seen);
  }
}

bool Router::route(spool::Record&& record, std::span<const Push> workers, int partition_count, Metrics& metrics) {
  if (wire::says_nothing(record.payload)) {
    skipped_.push_back(record.sequence);
    metrics.empty_ignored.Increment();
    return true;
  }
  auto decoded = decoder_.decode(record.payload);
  if (decoded && is_own_echo(decoded->command)) {
    skipped_.push_back(record.sequence);
    metrics.echoes_ignored.Increment();
    return true;
  }
  if (decoded && decoded->time_forgotten) metrics.times_forgotten.Increment();
  eventstore::RawMessage raw{std::move(record.topic), std::move(record.payload), record.received_at};
  eventstore::Incoming incoming =
      decoded ? eventstore::Incoming{std::move(decoded->command), decoded->occurred_at, std::move(raw), record.sequence}
              : eventstore::Incoming{std::move(decoded.error()), std::nullopt, std::move(raw), record.sequence};
  return workers[worker_of(incoming, workers.size(), partition_count)](std::move(incoming));
}

void Router::flush_skipped() {
  if (skipped_.empty()) return;
  finished_(skipped_);
  skipped_.clear();
}

}  // namespace hermes::ingest
