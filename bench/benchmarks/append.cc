// append, handle: what the log costs over bare COPY.
//
// The ceiling is the least that PostgreSQL can do for the same rows: binary COPY of rows that were made beforehand, one
// transaction a batch, into a table with the same columns and the same indexes, without checks, triggers, heads, hash or
// notification. `append` is the append protocol with events that are decided already; `handle` is the command handler with new
// messages, each of which it decides and turns into two events.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/benchmarks/benchmarks.h"
#include "bench/benchmarks/migrated_database.h"
#include "eventstore/commands/command_handler.h"
#include "eventstore/log/appender.h"
#include "eventstore/postgres/binary_copy.h"
#include "eventstore/postgres/statements.h"

namespace hermes::bench {
namespace {

using Clock = std::chrono::steady_clock;
using eventstore::Partition;
using postgres::BinaryRows;

constexpr std::uint64_t kDefaultBatch = 1'000;
constexpr std::uint64_t kDefaultEvents = 100'000;
constexpr std::size_t kPayloadSize = 150;
constexpr int kPartitions = eventstore::kDefaultPartitionCount;

// A database with the bare table beside the log.
class Log : public MigratedDatabase {
 public:
  Log() {
    const postgres::ConnectionPtr owner = connect();
    pqxx::work work(*owner);
    work.exec("CREATE TABLE bare_log (LIKE event_log INCLUDING INDEXES)");
    work.exec("GRANT INSERT ON bare_log TO hermes_ingester");
    work.commit();
  }
};

// Stream ids never repeat within a run: every event starts a stream, as messages do, and the stream index grows at random
// places.
std::string next_message_id() {
  static std::uint64_t count = 0;
  char id[40];
  std::snprintf(id, sizeof(id), "%08llx-5a5a-4000-8000-%012llx",
                static_cast<unsigned long long>(count * 2'654'435'761 % 0xffffffff), static_cast<unsigned long long>(count));
  ++count;
  return id;
}

struct Event {
  std::string stream_id;
  eventstore::StreamKey key;
  Partition partition;
};

std::vector<Event> next_events(std::size_t count) {
  std::vector<Event> events(count);
  for (Event& event : events) {
    event.stream_id = "message/" + next_message_id();
    event.key = eventstore::stream_key(event.stream_id);
    event.partition = eventstore::partition_of(event.key, kPartitions);
  }
  return events;
}

template <class Work>
double per_second(std::uint64_t count, Work work) {
  const auto start = Clock::now();
  work();
  return static_cast<double>(count) / std::chrono::duration<double>(Clock::now() - start).count();
}

const std::string kPayload(kPayloadSize, 'p');

Measurement bare_copy(postgres::Connection& connection, std::vector<eventstore::Offset>& next_offsets, std::uint64_t count,
                      std::size_t batch) {
  std::vector<std::unique_ptr<BinaryRows>> batches;
  const std::string hash(32, 'h');
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  for (std::uint64_t made = 0; made < count; made += batch) {
    auto rows = std::make_unique<BinaryRows>();
    for (const Event& event : next_events(batch)) {
      rows->begin_row(13);
      rows->int16(event.partition);
      rows->int64(next_offsets[static_cast<std::size_t>(event.partition)]++);
      rows->uuid(event.key);
      rows->text(event.stream_id);
      rows->int32(0);
      rows->text("MessageSent");
      rows->int16(1);
      rows->text("fredy");
      rows->timestamp(now);
      rows->timestamp(now);
      rows->bytes(kPayload);
      rows->timestamp(now);
      rows->bytes(hash);
    }
    batches.push_back(std::move(rows));
  }
  return {.per_s = per_second(count, [&] {
            for (auto& rows : batches) {
              postgres::copy_in(
                  connection,
                  "bare_log (partition, \"offset\", stream_key, stream_id, version, event_type, schema_version, actor_id, "
                  "occurred_at, recorded_at, payload, received_at, hash)",
                  *rows);
            }
          })};
}

Measurement our_append(postgres::Connection& connection, std::uint64_t count, std::size_t batch) {
  std::vector<std::vector<Event>> batches;
  for (std::uint64_t made = 0; made < count; made += batch) batches.push_back(next_events(batch));
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  eventstore::AppendBuffers buffers;
  return {.per_s = per_second(count, [&] {
            for (const std::vector<Event>& events : batches) {
              std::vector<Partition> partitions;
              for (const Event& event : events) partitions.push_back(event.partition);
              std::sort(partitions.begin(), partitions.end());
              partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
              eventstore::AppendTransaction transaction(connection, buffers, partitions);
              for (const Event& event : events) {
                transaction.add(event.partition, {.key = event.key,
                                                  .stream_id = event.stream_id,
                                                  .version = 0,
                                                  .event_type = "MessageSent",
                                                  .schema_version = 1,
                                                  .actor_id = "fredy",
                                                  .occurred_at = now,
                                                  .payload = kPayload,
                                                  .received_at = now});
              }
              transaction.commit();
            }
          })};
}

eventstore::Incoming next_incoming() {
  static const auto sender = domain::UserId::parse("fredy").value();
  static const auto receiver = domain::UserId::parse("david").value();
  return {.content = domain::Command(domain::SendMessage{domain::MessageId::parse(next_message_id()).value(), sender, "Fredy",
                                                         receiver, std::string(kPayloadSize, 'c'), "text"}),
          .occurred_at = {},
          .raw = {"chat/messages/david", std::string(250, 'j'), {}},
          .sequence = 0};
}

Measurement our_handle(eventstore::CommandHandler& handler, std::uint64_t count, std::size_t batch) {
  std::vector<std::vector<eventstore::Incoming>> batches;
  for (std::uint64_t made = 0; made < count; made += batch) {
    auto& messages = batches.emplace_back();
    for (std::size_t i = 0; i < batch / 2; ++i) messages.push_back(next_incoming());
  }
  return {.per_s = per_second(count, [&] {
            for (const auto& messages : batches) {
              auto handled = handler.handle(messages);
              if (!handled) throw std::runtime_error(handled.error().detail);
            }
          })};
}

std::size_t batch_of(const Options& options) { return options.batch.value_or(kDefaultBatch); }

// Whole batches only.
std::uint64_t count_of(const Options& options) {
  const std::uint64_t batch = batch_of(options);
  return std::max<std::uint64_t>(1, options.count.value_or(kDefaultEvents) / batch) * batch;
}

}  // namespace

BenchResult append(const Options& options) {
  const std::size_t batch = batch_of(options);
  const std::uint64_t count = count_of(options);
  Log log;
  const postgres::ConnectionPtr bare = log.connect("hermes_ingester");
  const postgres::ConnectionPtr ours = log.connect("hermes_ingester");
  std::vector<eventstore::Offset> next_offsets(kPartitions);
  BenchResult result{.name = batch == kDefaultBatch ? "append" : "append-" + std::to_string(batch),
                     .unit = "events",
                     .ours_is = "the append protocol, batches of " + std::to_string(batch) + ", one connection",
                     .ceiling_is = "bare binary COPY of ready-made rows into a table with the same indexes, same batches",
                     .target_ratio = batch >= 1'000 ? 0.85 : 0.7};
  result.pairs = run_pairs([&] { return bare_copy(*bare, next_offsets, count, batch); },
                           [&] { return our_append(*ours, count, batch); }, options.pairs);
  result.more = {{"batch", batch}, {"events", count}, {"payload_bytes", kPayloadSize}};
  return result;
}

BenchResult handle(const Options& options) {
  const std::size_t batch = std::max<std::size_t>(2, batch_of(options) / 2 * 2);
  const std::uint64_t count = count_of(options) / batch * batch;
  Log log;
  const postgres::ConnectionPtr bare = log.connect("hermes_ingester");
  const postgres::ConnectionPtr ours = log.connect("hermes_ingester");
  eventstore::CommandHandler handler(*ours, {});
  // Past the time after a start in which everything is looked up first.
  for (int i = 0; i < 70; ++i) our_handle(handler, 2, 2);
  std::vector<eventstore::Offset> next_offsets(kPartitions);
  BenchResult result{
      .name = "handle",
      .unit = "events",
      .ours_is = "the command handler, batches of " + std::to_string(batch / 2) + " new messages (two events each)",
      .ceiling_is = "bare binary COPY of as many ready-made rows into a table with the same indexes"};
  result.pairs = run_pairs([&] { return bare_copy(*bare, next_offsets, count, batch); },
                           [&] { return our_handle(handler, count, batch); }, options.pairs);
  result.more = {{"batch", batch}, {"events", count}, {"payload_bytes", kPayloadSize}};
  return result;
}

}  // namespace hermes::bench
