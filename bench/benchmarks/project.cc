// project: how fast projectors catch up with a log that grew while they were away, beside how fast it grew.
//
// The ceiling is the append protocol writing the events; ours is a projector with every projection folding just these. A ratio
// above one says that a projector which fell behind comes back even while the log is written as fast as one connection can.
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench/benchmarks/benchmarks.h"
#include "bench/benchmarks/message_log.h"
#include "bench/benchmarks/migrated_database.h"
#include "projections/projector/projector.h"

namespace hermes::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kDefaultEvents = 200'000;
constexpr std::chrono::milliseconds kPoll{5};  // against seconds of measurement
constexpr std::chrono::minutes kLimit{5};

// Over all projections together.
std::int64_t events_behind(postgres::Connection& connection, std::size_t projections) {
  pqxx::nontransaction query(connection);
  return query
      .exec_params1(
          "SELECT (SELECT sum(next_offset) FROM event_log_heads) * $1 - (SELECT coalesce(sum(next_offset), 0) FROM "
          "projection_checkpoints)",
          projections)[0]
      .as<std::int64_t>();
}

Measurement catch_up(const MigratedDatabase& database, std::uint64_t events) {
  const postgres::ConnectionPtr watching = database.connect();
  const auto all = projections::all_projections();
  projections::WorkerSettings settings;
  settings.postgres = database.settings();
  settings.instance = "bench";
  projections::Projector projector({all.begin(), all.end()}, settings);
  const auto start = Clock::now();
  while (events_behind(*watching, all.size()) > 0) {
    if (Clock::now() - start > kLimit) throw std::runtime_error("the projector did not catch up in time");
    std::this_thread::sleep_for(kPoll);
  }
  return {.per_s = static_cast<double>(events) / std::chrono::duration<double>(Clock::now() - start).count()};
}

}  // namespace

BenchResult project(const Options& options) {
  const std::uint64_t messages = std::max<std::uint64_t>(1, options.count.value_or(kDefaultEvents) / kEventsPerMessage);
  const std::uint64_t events = messages * kEventsPerMessage;
  const MigratedDatabase database;
  const postgres::ConnectionPtr appending = database.connect("hermes_ingester");
  BenchResult result{.name = "project",
                     .unit = "events",
                     .ours_is = "a projector with all projections catches up with these events",
                     .ceiling_is = "the append protocol writes the events, one connection"};
  result.pairs = run_pairs([&] { return Measurement{.per_s = append_messages(*appending, messages)}; },
                           [&] { return catch_up(database, events); }, options.pairs);
  result.more = {{"events", events}};
  return result;
}

}  // namespace hermes::bench
