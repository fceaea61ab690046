#include "projections/verify/verify_tables.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "eventstore/log/range_reader.h"
#include "projections/projector/live_batch.h"

namespace hermes::projections {
namespace {

using eventstore::Finding;
using eventstore::Offset;
using eventstore::OnFinding;
using eventstore::Partition;
using eventstore::PartitionRange;

using Transaction = pqxx::transaction<pqxx::repeatable_read>;

// Of the log, folded at a time.
constexpr Offset kEventsAtOnce = 20'000;
constexpr std::size_t kPayloadBytesMax = 64 << 20;

// A live table, and the temporary one of the same name that it is compared with.
struct Table {
  std::string name;
  std::string live;              // with its schema
  std::vector<std::string> key;  // the columns of its primary key, quoted
};

std::string joined(const std::vector<std::string>& parts, const std::string& between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

// Before the first query, which fixes the moment that all is compared at: of a table that a rebuild swaps in later, that moment
// sees no row.
void hold(Transaction& transaction, const Projection& projection) {
  std::string tables;
  for (std::string_view name : projection.tables()) tables += (tables.empty() ? "" : ", ") + std::string(name);
  transaction.exec("LOCK TABLE " + tables + " IN ACCESS SHARE MODE");
}

Table describe(Transaction& transaction, std::string_view name) {
  Table table{std::string(name), "", {}};
  const std::string regclass = transaction.quote(table.name) + "::regclass";
  table.live = transaction
                   .exec1(
                       "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n "
                       "ON n.oid = c.relnamespace WHERE c.oid = " +
                       regclass)[0]
                   .as<std::string>();
  for (const auto& row : transaction.exec("SELECT quote_ident(a.attname) FROM pg_index i JOIN pg_attribute a ON a.attrelid = "
                                          "i.indrelid AND a.attnum = ANY (i.indkey) WHERE i.indisprimary AND i.indrelid = " +
                                          regclass + " ORDER BY array_position(i.indkey::int2[], a.attnum)")) {
    table.key.push_back(row[0].as<std::string>());
  }
  if (table.key.empty()) throw std::runtime_error(table.live + " has no primary key to compare its rows by");
  return table;
}

// Temporary tables come first in every search_path, so the projection's statements mean them.
void make_empty_twin(Transaction& transaction, const Table& table, bool bare) {
  transaction.exec("CREATE TEMPORARY TABLE " + table.name + " (LIKE " + table.live + " INCLUDING DEFAULTS INCLUDING GENERATED" +
                   (bare ? "" : " INCLUDING INDEXES") + ") ON COMMIT DROP");
}

// Where the projection's tables stand: what is before these offsets is in them.
std::vector<PartitionRange> folded_ranges(Transaction& transaction, const Projection& projection) {
  std::vector<PartitionRange> ranges;
  for (const auto& row : transaction.exec("SELECT partition, next_offset FROM projection_checkpoints WHERE projection = " +
                                          transaction.quote(std::string(projection.name())) + " ORDER BY partition")) {
    ranges.push_back({row[0].as<Partition>(), 0, row[1].as<Offset>()});
  }
  return ranges;
}

// Who left them out, when and why is told with each.
Skips skips_of(Transaction& transaction, const Projection& projection, const OnFinding& on_note) {
  const std::vector<RecordedSkip> recorded = read_recorded_skips(transaction, projection);
  if (!recorded.empty()) {
    on_note(
        {"skip", std::string(projection.name()),
         std::to_string(recorded.size()) + (recorded.size() == 1 ? " event is" : " events are") + " left out of its tables"});
  }
  Skips skips;
  for (const RecordedSkip& skip : recorded) {
    skips.insert(skip.position);
    on_note({"skip", std::string(projection.name()) + " " + eventstore::to_string(skip.position),
             "left out by " + skip.skipped_by + " at " + skip.skipped_at + ": " + skip.reason});
  }
  return skips;
}

// Folds one partition. False if the log cannot be folded; then that is the finding.
bool fold(postgres::Connection& connection, Transaction& transaction, const Projection& projection, PartitionRange range,
          const Skips& skips, int partition_count, const OnFinding& on_finding, const eventstore::OnRows& on_rows) {
  while (range.from < range.to) {
    const PartitionRange chunk{range.partition, range.from, std::min(range.to, range.from + kEventsAtOnce)};
    eventstore::RangesRead batch = eventstore::read_ranges(
        connection, {.ranges = {chunk}, .except_types = unwanted_types(projection), .bytes_max = kPayloadBytesMax});
    leave_out_skipped(batch, skips);
    try {
      if (!batch.events.empty()) {
        projection.apply(batch.events, {connection, transaction, partition_count, projection.loads_bare_tables()});
      }
    } catch (const CannotApply& stopped) {
      on_finding({"table", std::string(projection.name()),
                  "the event at " + eventstore::to_string(stopped.position) + " cannot be folded: " + stopped.reason});
      return false;
    }
    if (!batch.unreadable.empty()) {
      const eventstore::UnreadableEvent& unreadable = batch.unreadable.front();
      on_finding(
          {"table", std::string(projection.name()),
           "the event at " + eventstore::to_string(unreadable.position) + " cannot be read: " + unreadable.error.detail});
      return false;
    }
    const Offset next = batch.read.front().to;
    on_rows(next - range.from);
    range.from = next;
  }
  return true;
}

// "message_id=m-1", for each column of the key; NULL if the side has no row.
std::string key_expression(const Table& table, const std::string& of) {
  std::vector<std::string> parts;
  for (const std::string& column : table.key) parts.push_back("'" + column + "=' || " + of + "." + column + "::text");
  return joined(parts, " || ' ' || ");
}

void compare(Transaction& transaction, const Table& table, const OnFinding& on_finding) {
  std::vector<std::string> equal_keys;
  for (const std::string& column : table.key) equal_keys.push_back("live." + column + " = fresh." + column);
  transaction.exec("ANALYZE pg_temp." + table.name);
  // *<> compares rows byte by byte (PostgreSQL manual, "Row and Array Comparisons"). The first are shown, all are counted.
  const pqxx::result different =
      transaction.exec("WITH different AS MATERIALIZED (SELECT live, fresh FROM " + table.live + " live FULL JOIN pg_temp." +
                       table.name + " fresh ON " + joined(equal_keys, " AND ") +
                       " WHERE live IS NULL OR fresh IS NULL OR live *<> fresh) "
                       "SELECT count(*) OVER (), CASE WHEN (live) IS NULL THEN 'missing' WHEN (fresh) IS NULL THEN 'extra' "
                       "ELSE 'changed' END, " +
                       "coalesce(" + key_expression(table, "(live)") + ", " + key_expression(table, "(fresh)") +
                       "), (SELECT string_agg(l.key || ' is ' || coalesce(l.value::text, 'null') || ', the log says ' || "
                       "coalesce(f.value::text, 'null'), '; ' ORDER BY l.key) FROM jsonb_each(to_jsonb(live)) l JOIN "
                       "jsonb_each(to_jsonb(fresh)) f "
                       "USING (key) WHERE l.value IS DISTINCT FROM f.value) FROM different LIMIT " +
                       std::to_string(eventstore::kFindingsMax));
  if (different.empty()) return;
  for (const auto& row : different) {
    const auto kind = row[1].as<std::string>();
    const std::string problem = kind == "missing" ? "the row is missing"
                                : kind == "extra" ? "the log knows no such row"
                                                  : row[3].as<std::string>("the row differs");
    on_finding({"table", table.name + " " + row[2].as<std::string>(""), problem});
  }
  const auto total = different[0][0].as<std::int64_t>();
  if (total > static_cast<std::int64_t>(different.size())) {
    on_finding({"table", table.name, std::to_string(total) + " rows differ; the first are shown"});
  }
}

// An event that can't be folded has to be skipped. One that can be need not: it is tried behind all others and taken back.
bool can_be_folded(postgres::Connection& connection, Transaction& transaction, const Projection& projection,
                   eventstore::Position position, int partition_count) {
  const PartitionRange one{position.partition, position.offset, position.offset + 1};
  const eventstore::RangesRead read = eventstore::read_ranges(
      connection, {.ranges = {one}, .except_types = unwanted_types(projection), .bytes_max = kPayloadBytesMax});
  if (read.events.empty()) return false;  // unreadable, unwanted or not there
  try {
    pqxx::subtransaction attempt(transaction);
    projection.apply(read.events, {connection, attempt, partition_count, projection.loads_bare_tables()});
    attempt.abort();
    return true;
  } catch (const CannotApply&) {
    return false;
  } catch (const pqxx::sql_error&) {
    return false;
  }
}

void judge_skips(postgres::Connection& connection, Transaction& transaction, const Projection& projection, const Skips& skips,
                 int partition_count, const OnFinding& on_finding) {
  for (const eventstore::Position& position : skips) {
    if (!can_be_folded(connection, transaction, projection, position, partition_count)) continue;
    on_finding({"skip", std::string(projection.name()) + " " + eventstore::to_string(position),
                "the event is left out, and it can be folded. Unless a constraint of yours refuses it: delete its row of "
                "projection_skips and rebuild the projection"});
  }
}

}  // namespace

void verify_tables(postgres::Connection& connection, const Projection& projection, int partition_count,
                   const OnFinding& on_finding, const OnFinding& on_note, const eventstore::OnRows& on_rows) {
  Transaction transaction(connection);
  transaction.exec("SET TRANSACTION READ WRITE");  // for temporary tables, also where the database is closed for writing
  hold(transaction, projection);
  transaction.exec("SET LOCAL work_mem = '64MB'");  // two large tables are joined
  std::vector<Table> tables;
  for (std::string_view name : projection.tables()) tables.push_back(describe(transaction, name));
  for (const Table& table : tables) make_empty_twin(transaction, table, projection.loads_bare_tables());

  const Skips skips = skips_of(transaction, projection, on_note);
  for (const PartitionRange& range : folded_ranges(transaction, projection)) {
    if (!fold(connection, transaction, projection, range, skips, partition_count, on_finding, on_rows)) return;
  }
  if (projection.loads_bare_tables() && !projection.complete_bare_tables().empty())
    transaction.exec(std::string(projection.complete_bare_tables()));
  for (const Table& table : tables) compare(transaction, table, on_finding);
  judge_skips(connection, transaction, projection, skips, partition_count, on_finding);
}

}  // namespace hermes::projections
