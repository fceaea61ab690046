#include "projections/queries/export.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "eventstore/log/event_reader.h"
#include "eventstore/postgres/binary_copy.h"
#include "eventstore/postgres/statements.h"
#include "projections/read_models/projection.h"

namespace hermes::projections {
namespace {

using postgres::Statements;

constexpr std::array<std::string_view, 2> kKeptMessages = {"rejected_events", "parked_events"};

// The columns of the primary key, quoted, as a list for ORDER BY.
std::string primary_key(postgres::Connection& connection, std::string_view table) {
  Statements statements(connection);
  statements.send(
      "SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY array_position(i.indkey::int2[], a.attnum)) FROM pg_index i "
      "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) WHERE i.indisprimary AND i.indrelid = " +
      postgres::text_literal(connection, table) + "::regclass");
  const postgres::TextRows rows = statements.rows();
  statements.finish();
  if (rows.size() != 1 || rows.is_null(0, 0)) throw std::runtime_error(std::string(table) + " has no primary key to order by");
  return std::string(rows.text(0, 0));
}

std::int64_t copy_csv(postgres::Connection& connection, const std::string& query, const ExportSink& sink) {
  std::int64_t lines = 0;
  Statements statements(connection);
  statements.send("COPY (" + query + ") TO STDOUT (FORMAT csv, HEADER)");
  statements.copy_out_lines([&](std::string_view line) {
    ++lines;
    sink(line);
  });
  statements.finish();
  return lines - 1;  // the header
}

std::int64_t copy_jsonl(postgres::Connection& connection, const std::string& table, const std::string& order,
                        const ExportSink& sink) {
  std::int64_t rows = 0;
  std::string line;
  postgres::copy_out(connection, "SELECT row_to_json(t)::text FROM " + table + " t ORDER BY " + order,
                     [&](postgres::BinaryRow row) {
                       line.assign(row.text());
                       sink(line += '\n');
                       ++rows;
                     });
  return rows;
}

std::int64_t export_log_as_json(postgres::Connection& connection, const EventToJson& event_to_json, const ExportSink& sink) {
  std::int64_t rows = 0;
  const std::vector<eventstore::Offset> heads = eventstore::read_heads(connection);
  for (std::size_t partition = 0; partition < heads.size(); ++partition) {
    const auto unreadable = eventstore::scan_partition(connection, static_cast<eventstore::Partition>(partition), 0,
                                                       heads[partition], [&](eventstore::RecordedEvent&& event) {
                                                         sink(event_to_json(event) + '\n');
                                                         ++rows;
                                                       });
    if (unreadable) {
      throw UnreadableExport("the event at " + eventstore::to_string(unreadable->position) +
                             " cannot be read: " + unreadable->error.detail);
    }
  }
  return rows;
}

// The name goes into SQL: only one of ours.
std::string_view exportable_table(std::string_view name) {
  const std::vector<std::string> names = exportable_names();
  if (std::ranges::find(names, name) == names.end()) throw std::invalid_argument("not exportable: " + std::string(name));
  return name == kExportedLog ? "event_log" : name;
}

// What people said in the order in which it arrived; the rest by its key.
std::string order_of(postgres::Connection& connection, const std::string& table) {
  if (table == "chat_messages") return "created_at, id";
  if (table == "message_status") return "timestamp, id";
  return primary_key(connection, table);
}

}  // namespace

std::vector<std::string> exportable_names() {
  std::vector<std::string> names = {std::string(kExportedLog)};
  for (const Projection* projection : all_projections()) {
    for (std::string_view table : projection->tables()) names.emplace_back(table);
  }
  names.insert(names.end(), kKeptMessages.begin(), kKeptMessages.end());
  return names;
}

void prepare_export(postgres::Connection& connection, std::span<const std::string> names) {
  std::string tables;
  for (const std::string& name : names) tables += (tables.empty() ? "" : ", ") + std::string(exportable_table(name));
  Statements statements(connection);
  // Before the first query, which fixes the moment: of a table that a rebuild swaps in later, that moment sees no row.
  statements.send("LOCK TABLE " + tables +
                  " IN ACCESS SHARE MODE; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL bytea_output = "
                  "'hex'; SET LOCAL extra_float_digits = 1");
  for (int i = 0; i < 5; ++i) statements.done();
  statements.finish();
}

std::int64_t export_rows(postgres::Connection& connection, std::string_view name, ExportFormat format,
                         const EventToJson& event_to_json, const ExportSink& sink) {
  if (name == kExportedLog) {
    if (format == ExportFormat::jsonl) return export_log_as_json(connection, event_to_json, sink);
    // In the order of the table, so that \copy takes it back without a list of columns.
    return copy_csv(connection, "SELECT * FROM event_log ORDER BY partition, \"offset\"", sink);
  }
  const std::string table(exportable_table(name));
  const std::string order = order_of(connection, table);
  if (format == ExportFormat::jsonl) return copy_jsonl(connection, table, order, sink);
  return copy_csv(connection, "SELECT * FROM " + table + " ORDER BY " + order, sink);
}

}  // namespace hermes::projections
