// Streams a table or the log out of one consistent snapshot, in constant memory, as CSV or JSON lines. What comes out loads in
// DuckDB, and back into PostgreSQL with \copy (docs/export.md).
//
//   csv    A header line, then RFC 4180 as PostgreSQL's COPY writes it: an empty field is NULL, "" is the empty text. The log
//   comes
//          with its payloads as bytes (\x...), so that it can be loaded back to the byte.
//   jsonl  One JSON object a line. The log comes with its payloads decoded and lifted to today's schema.
//
// Times are in UTC. Rows are in the order of their table's primary key, the log's by partition and offset.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/log/event_log.h"
#include "eventstore/postgres/connection.h"

namespace hermes::projections {

enum class ExportFormat { csv, jsonl };

inline constexpr std::string_view kExportedLog = "log";

// What can be exported: "log", the tables of all projections, and rejected_events and parked_events.
std::vector<std::string> exportable_names();

// Takes the output piece by piece, each one or several whole lines.
using ExportSink = std::function<void(std::string_view)>;

// How an event of the log becomes a line of JSON; without a line end.
using EventToJson = std::function<std::string(const eventstore::RecordedEvent&)>;

// An event that cannot be read ends a jsonl export of the log.
class UnreadableExport : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Prepares the open transaction for exports of `names`: holds their tables, UTC, ISO times, bytes in hex. Requires: REPEATABLE
// READ, so that everything that is exported in it is of one moment, and nothing has been read in it yet; all names exportable.
void prepare_export(postgres::Connection& connection, std::span<const std::string> names);

// Returns the number of rows. Requires: `name` is exportable, prepare_export() ran in the open transaction, with this name
// among others. Throws what postgres/statements.h throws, what `sink` throws, and UnreadableExport.
std::int64_t export_rows(postgres::Connection& connection, std::string_view name, ExportFormat format,
                         const EventToJson& event_to_json, const ExportSink& sink);

}  // namespace hermes::projections
