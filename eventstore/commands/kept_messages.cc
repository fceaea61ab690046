#include "eventstore/commands/kept_messages.h"

#include <algorithm>
#include <limits>

#include "base/printable_text.h"
#include "domain/identifiers.h"
#include "eventstore/postgres/statements.h"

namespace hermes::eventstore {
namespace {

// A statement is sent when its text has this size: a batch of large hostile messages must not become one huge string.
constexpr std::size_t kStatementBytes = 1024 * 1024;

// Expired receipts that are moved in one transaction.
constexpr int kExpireAtOnce = 1'000;

// A topic or a detail may hold what a text column can't (NUL, bytes that are not UTF-8). The payload keeps the raw bytes.
std::string storable_literal(postgres::Connection& connection, std::string_view text) {
  if (domain::check_text("text", text, std::numeric_limits<std::size_t>::max())) {
    return postgres::text_literal(connection, text);
  }
  return postgres::text_literal(connection, escape_for_terminal(text));
}

std::string text_or_null(postgres::Connection& connection, const std::optional<std::string>& text) {
  return text ? storable_literal(connection, *text) : "NULL";
}

std::string time_or_null(const std::optional<Timestamp>& time) { return time ? postgres::timestamp_literal(*time) : "NULL"; }

// Runs `before` + row, row, ... + `after` in as many statements as the size asks for.
template <class Items, class Row>
void insert(AppendTransaction& transaction, const Items& items, const std::string& before, const std::string& after, Row row) {
  std::string sql;
  for (const auto& item : items) {
    sql += sql.empty() ? before : ",";
    sql += row(item);
    if (sql.size() < kStatementBytes) continue;
    transaction.execute(sql + after);
    sql.clear();
  }
  if (!sql.empty()) transaction.execute(sql + after);
}

std::string note_of(const Handled& outcome) {
  switch (outcome.outcome) {
    case Handled::Outcome::appended: return "appended at " + to_string(*outcome.position);
    case Handled::Outcome::duplicate: return "was in the log already";
    case Handled::Outcome::parked: return "its message is still not in the log";
    case Handled::Outcome::postponed: return "its stream can't be read: " + outcome.why;
    case Handled::Outcome::rejected:
      return "refused again (" + std::string(domain::code(outcome.rejection->reason)) + "): " + outcome.rejection->detail;
  }
  return {};
}

bool resolves(const Handled& outcome) {
  return outcome.outcome == Handled::Outcome::appended || outcome.outcome == Handled::Outcome::duplicate;
}

}  // namespace

void keep_rejected(AppendTransaction& transaction, postgres::Connection& connection,
                   std::span<const MessageToReject> messages) {
  insert(transaction, messages,
         "INSERT INTO rejected_events (received_at, topic, payload, reason, detail, message_id, actor_id, sequence) VALUES ",
         " ON CONFLICT (received_at, sequence, sha256(payload)) DO NOTHING", [&](const MessageToReject& message) {
           return "(" + postgres::timestamp_literal(message.received_at) + "," + storable_literal(connection, message.topic) +
                  "," + postgres::bytes_literal(message.payload) + ",'" + std::string(domain::code(message.rejection.reason)) +
                  "'," + storable_literal(connection, message.rejection.detail) + "," +
                  text_or_null(connection, message.message_id) + "," + text_or_null(connection, message.actor_id) + "," +
                  std::to_string(message.sequence) + ")";
         });
}

void park(AppendTransaction& transaction, postgres::Connection& connection, std::span<const ReceiptToPark> receipts) {
  insert(transaction, receipts,
         "WITH parked AS (INSERT INTO parked_events (partition, stream_key, message_id, status, user_id, occurred_at, "
         "received_at, topic, payload, sequence) VALUES ",
         " ON CONFLICT ON CONSTRAINT parked_events_once DO NOTHING RETURNING partition) "
         "UPDATE event_log_heads h SET parked = h.parked + c.count "
         "FROM (SELECT partition, count(*) FROM parked GROUP BY partition) c WHERE h.partition = c.partition",
         [&](const ReceiptToPark& parked) {
           return "(" + std::to_string(parked.partition) + "::smallint," + postgres::uuid_literal(parked.key) + "::uuid," +
                  storable_literal(connection, parked.receipt->message_id.str()) + ",'" +
                  std::string(domain::to_string(parked.receipt->status)) + "'," +
                  storable_literal(connection, parked.receipt->user.str()) + "," + time_or_null(parked.occurred_at) +
                  "::timestamptz," + postgres::timestamp_literal(parked.received_at) + "," +
                  storable_literal(connection, parked.topic) + "," + postgres::bytes_literal(parked.payload) + "," +
                  std::to_string(parked.sequence) + ")";
         });
}

void postpone(AppendTransaction& transaction, postgres::Connection& connection, std::span<const MessageToPostpone> messages) {
  insert(
      transaction, messages,
      "INSERT INTO postponed_events (partition, stream_key, stream_id, received_at, topic, payload, sequence, reason) VALUES ",
      " ON CONFLICT (stream_key, payload_sha256) DO NOTHING", [&](const MessageToPostpone& message) {
        return "(" + std::to_string(message.partition) + "," + postgres::uuid_literal(message.key) + "," +
               storable_literal(connection, message.stream_id) + "," + postgres::timestamp_literal(message.received_at) + "," +
               storable_literal(connection, message.topic) + "," + postgres::bytes_literal(message.payload) + "," +
               std::to_string(message.sequence) + "," + storable_literal(connection, message.reason) + ")";
      });
}

bool is_number_taken(std::string_view constraint) {
  return constraint == "rejected_events_pkey" || constraint == "parked_events_pkey";
}

void mend_sequences(postgres::Connection& connection) {
  postgres::Statements statements(connection);
  statements.send("SELECT hermes_mend_sequences()");
  statements.rows();
  statements.finish();
}

void unpark(AppendTransaction& transaction, std::span<const std::int64_t> ids) {
  insert(transaction, ids, "WITH applied AS (DELETE FROM parked_events WHERE id IN (",
         ") RETURNING partition) UPDATE event_log_heads h SET parked = h.parked - c.count "
         "FROM (SELECT partition, count(*) FROM applied GROUP BY partition) c WHERE h.partition = c.partition",
         [](std::int64_t id) { return std::to_string(id); });
}

namespace {

struct Expired {
  std::vector<std::int64_t> ids;
  std::vector<Partition> partitions;  // ascending without repetition
  std::int64_t newest = 0;            // when the last of them was parked: microseconds since 1970
};

// The oldest expired receipts, as many as are moved at once, from `from` on: rows moved before are gone, but their index
// entries remain until the next vacuum.
Expired find_expired(postgres::Connection& connection, const std::string& expired, std::int64_t from) {
  postgres::Statements find(connection);
  // A sequential scan would read the whole table for each thousand.
  find.send(
      "SET LOCAL enable_seqscan = off; SELECT id, partition, (extract(epoch FROM parked_at) * 1000000)::bigint FROM "
      "parked_events WHERE " +
      expired + " AND parked_at >= timestamptz 'epoch' + " + std::to_string(from) +
      " * interval '1 microsecond' ORDER BY parked_at LIMIT " + std::to_string(kExpireAtOnce));
  find.done();
  const postgres::TextRows rows = find.rows();
  find.finish();
  Expired found;
  for (int row = 0; row < rows.size(); ++row) {
    found.ids.push_back(rows.integer(row, 0));
    found.partitions.push_back(static_cast<Partition>(rows.integer(row, 1)));
    found.newest = rows.integer(row, 2);
  }
  std::ranges::sort(found.partitions);
  found.partitions.erase(std::ranges::unique(found.partitions).begin(), found.partitions.end());
  return found;
}

// Returns how many were moved: somebody else may have moved or applied one meanwhile.
std::size_t move_expired(postgres::Connection& connection, AppendBuffers& buffers, const Expired& expired) {
  std::string ids;
  for (const std::int64_t id : expired.ids) ids.append(ids.empty() ? "" : ",").append(std::to_string(id));
  AppendTransaction transaction(connection, buffers, expired.partitions);
  transaction.execute("SET LOCAL enable_seqscan = off");
  const std::int64_t moved = transaction.execute(
      "WITH expired AS (DELETE FROM parked_events WHERE id IN (" + ids +
      ") RETURNING *), counted AS (UPDATE event_log_heads h SET parked = h.parked - c.count FROM "
      "(SELECT partition, count(*) FROM expired GROUP BY partition) c WHERE h.partition = c.partition), "
      "kept AS (INSERT INTO rejected_events (received_at, topic, payload, reason, detail, message_id, actor_id, sequence) "
      "SELECT received_at, topic, payload, 'parked_too_long', status || ' waited since ' || parked_at || "
      "' for a message that did not come', message_id, user_id, sequence FROM expired "
      "ON CONFLICT (received_at, sequence, sha256(payload)) DO NOTHING) SELECT FROM expired");
  transaction.commit();
  return static_cast<std::size_t>(moved);
}

}  // namespace

std::size_t expire_parked(postgres::Connection& connection, AppendBuffers& buffers, std::chrono::seconds window,
                          std::size_t at_most) {
  const std::string expired = "parked_at < clock_timestamp() - interval '" + std::to_string(window.count()) + " seconds'";
  std::size_t moved = 0;
  std::int64_t from = 0;
  bool mended = false;
  while (moved < at_most) {
    const Expired found = find_expired(connection, expired, from);
    if (found.ids.empty()) return moved;
    try {
      moved += move_expired(connection, buffers, found);
    } catch (const postgres::StatementError& error) {
      if (mended || !is_number_taken(error.constraint)) throw;
      mend_sequences(connection);
      mended = true;
      continue;
    }
    from = found.newest;
  }
  return moved;
}

void lock_open(AppendTransaction& transaction, std::span<const std::int64_t> rows) {
  std::string list;
  for (const std::int64_t row : rows) list.append(list.empty() ? "" : ",").append(std::to_string(row));
  const std::int64_t locked = transaction.execute("SELECT FROM rejected_events WHERE id IN (" + list +
                                                  ") AND resolution IS NULL ORDER BY id FOR UPDATE");
  if (locked != static_cast<std::int64_t>(rows.size())) throw NotOpen();
}

void record_retry(AppendTransaction& transaction, postgres::Connection& connection, const Retry& retry,
                  std::span<const Handled> outcomes) {
  const std::string who = storable_literal(connection, retry.who);
  std::size_t index = 0;
  insert(transaction, retry.rows,
         "UPDATE rejected_events r SET resolution = CASE WHEN v.resolved THEN 'retried' END, "
         "resolved_at = CASE WHEN v.resolved THEN now() END, resolved_by = CASE WHEN v.resolved THEN " +
             who +
             " END, resolution_note = CASE WHEN v.resolved THEN v.note ELSE 'retried at ' || "
             "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') || ' by ' || " +
             who + " || ': ' || v.note END FROM (VALUES ",
         ") v (id, resolved, note) WHERE r.id = v.id", [&](std::int64_t row) {
           const Handled& outcome = outcomes[index++];
           return "(" + std::to_string(row) + "::bigint," + (resolves(outcome) ? "true" : "false") + "," +
                  storable_literal(connection, note_of(outcome)) + ")";
         });
}

}  // namespace hermes::eventstore
