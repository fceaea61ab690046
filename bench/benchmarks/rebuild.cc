// rebuild: what `hermes rebuild chat` makes of a log, against the best that SQL alone can do.
//
// PostgreSQL can't read the payloads, so the ceiling is given them: a table with every event's fields in columns, made outside
// the measured time. Measured are two INSERT ... SELECT from it into tables without keys, then the same indexes, keys and
// statistics as ours makes, on one connection with the same memory. It pays for no decoding, no state of its own and no swap.
#include "projections/rebuild/rebuild.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/benchmarks/benchmarks.h"
#include "bench/benchmarks/message_log.h"
#include "bench/benchmarks/migrated_database.h"
#include "projections/read_models/projection.h"
#include "projections/rebuild/parallel_fold.h"
#include "projections/rebuild/rebuild_steps.h"
#include "projections/rebuild/table_copy.h"

namespace hermes::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kDefaultEvents = 2'000'000;
constexpr int kParallelWorkers = 2;  // max_parallel_maintenance_workers as PostgreSQL ships it
const std::string kSchema = "bench_ceiling";

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The live tables hold the same rows as the log's events do: what a projector made of them is where the columns come from.
void stage_decoded_events(postgres::Connection& connection) {
  pqxx::work work(connection);
  work.exec(
      "CREATE TABLE decoded_events AS SELECT status.id, status.message_id, status.status, status.\"timestamp\", "
      "status.user_id, "
      "message.id AS uuid, message.sender_id, message.sender_name, message.receiver_id, message.content, message.message_type "
      "FROM message_status status LEFT JOIN chat_messages message ON message.message_id = status.message_id AND status.status "
      "= 'sent' "
      "ORDER BY status.id");
  work.exec("ANALYZE decoded_events");
  work.commit();
}

Measurement set_based_sql(const MigratedDatabase& database, const projections::Projection& chat, std::uint64_t events,
                          int parallel_workers) {
  const postgres::ConnectionPtr connection = projections::connect_builder(database.settings(), kSchema);
  projections::make_schema(*connection, kSchema);
  std::vector<projections::LiveTable> tables;
  projections::CopyStatements statements;
  {
    pqxx::work work(*connection);
    work.exec("SET max_parallel_maintenance_workers = " + std::to_string(parallel_workers));
    tables = projections::find_tables(work, chat.tables());
    statements = projections::copy_statements(work, tables, kSchema);
    for (const std::string& statement : statements.create) work.exec(statement);
    work.commit();
  }
  const auto start = Clock::now();
  pqxx::work work(*connection);
  work.exec(
      "INSERT INTO " + kSchema +
      ".chat_messages (id, message_id, sender_id, sender_name, receiver_id, content, message_type, created_at, updated_at) "
      "SELECT uuid, message_id, sender_id, sender_name, receiver_id, content, message_type, \"timestamp\", \"timestamp\" "
      "FROM decoded_events WHERE status = 'sent'");
  work.exec("INSERT INTO " + kSchema +
            ".message_status (id, message_id, status, \"timestamp\", user_id) "
            "SELECT id, message_id, status, \"timestamp\", user_id FROM decoded_events");
  const double loaded = seconds_since(start);
  // They begin with the statistics: without those the check of the foreign key takes three times as long.
  for (const std::string& statement : statements.in_line()) work.exec(statement);
  work.exec("SET LOCAL synchronous_commit = on");
  work.commit();
  const double total = seconds_since(start);
  projections::drop_schema(*connection, kSchema);
  return {.per_s = static_cast<double>(events) / total, .details = {{"load_s", loaded}, {"index_s", total - loaded}}};
}

Measurement our_rebuild(const MigratedDatabase& database, const projections::Projection& chat, std::uint64_t events) {
  projections::RebuildSettings settings;
  settings.postgres = database.settings();
  const auto start = Clock::now();
  const auto report = projections::rebuild(chat, settings, [](const projections::Progress&) {});
  if (!report) throw std::runtime_error(report.error().message);
  const double total = seconds_since(start);
  if (report->events != events) throw std::runtime_error("the rebuild folded " + std::to_string(report->events) + " events");
  const auto in_seconds = [](auto duration) { return std::chrono::duration<double>(duration).count(); };
  return {.per_s = static_cast<double>(events) / total,
          .details = {{"load_s", in_seconds(report->load)},
                      {"index_s", in_seconds(report->index)},
                      {"readers_blocked_ms", in_seconds(report->readers_blocked) * 1e3}}};
}

}  // namespace

BenchResult rebuild(const Options& options) {
  const std::uint64_t messages = std::max<std::uint64_t>(1, options.count.value_or(kDefaultEvents) / kEventsPerMessage);
  const std::uint64_t events = messages * kEventsPerMessage;
  const projections::Projection& chat = *projections::find_projection("chat");
  const MigratedDatabase database;
  append_messages(*database.connect("hermes_ingester"), messages);
  our_rebuild(database, chat, events);
  stage_decoded_events(*database.connect());

  BenchResult result{
      .name = "rebuild",
      .unit = "events",
      .ours_is = "hermes rebuild chat: decode, load, index, swap; both tables",
      .ceiling_is = "INSERT ... SELECT of decoded columns into bare tables, then the same indexes and keys, one connection",
      .target_ratio = 1.4};
  result.pairs = run_pairs([&] { return set_based_sql(database, chat, events, 0); },
                           [&] { return our_rebuild(database, chat, events); }, options.pairs);
  const Measurement in_parallel = set_based_sql(database, chat, events, kParallelWorkers);
  result.more = {{"events", events}, {"messages", messages}, {"ceiling_with_parallel_index_builds_per_s", in_parallel.per_s}};
  return result;
}

}  // namespace hermes::bench
