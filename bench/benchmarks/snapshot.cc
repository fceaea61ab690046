// snapshot: loading a long stream from its snapshot, against reading all of its events.
//
// The stream is a broadcast and the receipts of its recipients, written by the command handler, which takes the snapshots on
// the way. The worst moment is measured: the next snapshot is about to be taken, and as many events as can be lie behind the
// last one. The ceiling loads the same stream by the same code in a transaction that has deleted the snapshots, and is rolled
// back.
#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/benchmarks/benchmarks.h"
#include "bench/benchmarks/migrated_database.h"
#include "eventstore/commands/command_handler.h"
#include "eventstore/commands/snapshots.h"
#include "eventstore/commands/stream_loader.h"

namespace hermes::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kDefaultReceipts = 50'000;
constexpr std::uint64_t kBatch = 100;
constexpr int kLoads = 200;
constexpr int kWarmUpLoads = 5;

const domain::MessageId kAnnouncement = domain::MessageId::parse("announcement").value();

eventstore::Incoming incoming(domain::Command command) {
  return {.content = std::move(command), .occurred_at = {}, .raw = {"chat/messages/all", "{}", {}}, .sequence = 0};
}

void handle(eventstore::CommandHandler& handler, const std::vector<eventstore::Incoming>& batch) {
  if (auto handled = handler.handle(batch); !handled) throw std::runtime_error(handled.error().detail);
}

// As a command handler that has never seen the stream. Requires: a transaction is open.
eventstore::CachedAggregate load(postgres::Connection& connection) {
  const eventstore::StreamKey key = eventstore::stream_key("message/" + kAnnouncement.str());
  eventstore::CachedAggregate aggregate{domain::Message(), 0, 0};
  const eventstore::StreamToLoad stream{eventstore::partition_of(key, eventstore::kDefaultPartitionCount), key, &aggregate};
  eventstore::load_streams(connection, std::span(&stream, 1));
  return aggregate;
}

bool next_batch_takes_a_snapshot(postgres::Connection& connection) {
  pqxx::work work(connection);
  const eventstore::CachedAggregate now = load(connection);
  return eventstore::snapshot_due(now.next_version + static_cast<eventstore::Version>(kBatch), now.snapshot_at);
}

// Returns how many receipts there are: `receipts` or some more.
std::uint64_t announce(postgres::Connection& connection, std::uint64_t receipts) {
  eventstore::CommandHandler handler(connection, {});
  handle(handler,
         {incoming(domain::SendMessage{kAnnouncement, domain::UserId::parse("fredy").value(), "Fredy",
                                       domain::UserId::parse(std::string(domain::kEveryone)).value(), "Hello all", "text"})});
  std::uint64_t made = 0;
  for (; made < receipts || !next_batch_takes_a_snapshot(connection); made += kBatch) {
    std::vector<eventstore::Incoming> batch;
    for (std::uint64_t i = made; i < made + kBatch; ++i) {
      batch.push_back(incoming(domain::RecordReceipt{kAnnouncement, domain::Status::delivered,
                                                     domain::UserId::parse("user-" + std::to_string(i)).value()}));
    }
    handle(handler, batch);
  }
  return made;
}

Measurement loads(postgres::Connection& connection) {
  eventstore::CachedAggregate loaded;
  for (int i = 0; i < kWarmUpLoads; ++i) load(connection);
  std::vector<double> ms;
  const Clock::time_point began = Clock::now();
  for (int i = 0; i < kLoads; ++i) {
    const Clock::time_point asked = Clock::now();
    loaded = load(connection);
    ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - asked).count());
  }
  return {.per_s = kLoads / std::chrono::duration<double>(Clock::now() - began).count(),
          .details = {{"load_ms_p50", percentile(ms, 0.5)},
                      {"load_ms_p99", percentile(ms, 0.99)},
                      {"load_ms_max", percentile(ms, 1)},
                      {"events_after_the_snapshot", static_cast<double>(loaded.next_version - loaded.snapshot_at)}}};
}

}  // namespace

BenchResult snapshot(const Options& options) {
  const MigratedDatabase database;
  const postgres::ConnectionPtr connection = database.connect("hermes_ingester");
  const std::uint64_t receipts = announce(*connection, std::max<std::uint64_t>(1, options.count.value_or(kDefaultReceipts)));

  BenchResult result{
      .name = "snapshot",
      .unit = "loads",
      .ours_is = "a broadcast with " + std::to_string(receipts) + " receipts, from its snapshot and the events after it",
      .ceiling_is = "the same from all of its events, without a snapshot"};
  result.pairs = run_pairs(
      [&] {
        pqxx::work without(*connection);
        without.exec("DELETE FROM stream_snapshots");
        return loads(*connection);
      },
      [&] {
        pqxx::work with(*connection);
        return loads(*connection);
      },
      options.pairs);
  result.more = {{"receipts", receipts}, {"targets", "load_ms_p99 below 5 ms with 50,000 receipts"}};
  return result;
}

}  // namespace hermes::bench
