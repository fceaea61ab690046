#include "projections/read_models/broadcast_receipts.h"

#include <cstdint>
#include <map>
#include <utility>

#include "base/timestamp.h"
#include "eventstore/postgres/array_literal.h"
#include "projections/read_models/chat.h"
#include "projections/read_models/streams.h"

namespace hermes::projections {
namespace {

using eventstore::RecordedEvent;

// What a batch does to one row.
struct Added {
  long long delivered = 0;
  long long read = 0;
  const RecordedEvent* furthest = nullptr;  // of those that are read the last, or else of those that are delivered
  std::string_view furthest_user;
};

void add(Added& to, const RecordedEvent& event, std::string_view user, bool is_read) {
  const bool none_was_read = to.read == 0;
  ++(is_read ? to.read : to.delivered);
  if (!is_read && !none_was_read) return;
  to.furthest = &event;  // events of a message come in the order of the log
  to.furthest_user = user;
}

// By message: a map, since rows are to be written in the order of their key.
std::map<std::string_view, Added> added_by(std::span<const RecordedEvent> events,
                                           const std::unordered_set<std::string>& broadcasts) {
  std::map<std::string_view, Added> added;
  for (const RecordedEvent& event : events) {
    const auto* delivered = std::get_if<domain::MessageDelivered>(&event.event);
    const auto* read = std::get_if<domain::MessageRead>(&event.event);
    if (delivered == nullptr && read == nullptr) continue;
    const std::string_view id = message_id_of(event);
    if (!broadcasts.contains(std::string(id))) continue;
    add(added[id], event, (read != nullptr ? read->recipient : delivered->recipient).str(), read != nullptr);
  }
  return added;
}

std::string upsert_statement() {
  std::string sql =
      "INSERT INTO broadcast_receipts AS old (message_id, delivered_count, read_count, last_status, last_user_id, last_at, "
      "last_status_id) "
      "SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::bigint[]) "
      "ON CONFLICT (message_id) DO UPDATE SET delivered_count = old.delivered_count + excluded.delivered_count, "
      "read_count = old.read_count + excluded.read_count";
  for (const std::string column : {"last_status", "last_user_id", "last_at", "last_status_id"}) {
    sql += ", " + column +
           " = CASE WHEN (excluded.last_status = 'read', excluded.last_status_id) > (old.last_status = 'read', "
           "old.last_status_id) THEN excluded." +
           column + " ELSE old." + column + " END";
  }
  return sql;
}

}  // namespace

const std::string_view kCountBroadcastReceipts =
    "INSERT INTO broadcast_receipts (message_id, delivered_count, read_count, last_status, last_user_id, last_at, "
    "last_status_id) "
    "SELECT counted.message_id, delivered, read, status, user_id, \"timestamp\", id "
    "FROM (SELECT s.message_id, count(*) FILTER (WHERE s.status = 'delivered') AS delivered,"
    "        count(*) FILTER (WHERE s.status = 'read') AS read,"
    "        max(ARRAY[CASE s.status WHEN 'read' THEN 1 ELSE 0 END, s.id]) AS furthest"
    "      FROM message_status s JOIN chat_messages m ON m.message_id = s.message_id"
    "      WHERE m.receiver_id = 'all' AND s.status IN ('delivered', 'read') GROUP BY s.message_id) counted "
    "JOIN message_status ON id = furthest[2]";

void count_broadcast_receipts(std::span<const RecordedEvent> events, const std::unordered_set<std::string>& broadcasts,
                              Target target) {
  const std::map<std::string_view, Added> rows = added_by(events, broadcasts);
  if (rows.empty()) return;
  postgres::ArrayLiteral ids, delivered, read, statuses, users, times, status_ids;
  for (const auto& [id, added] : rows) {
    ids.add(id);
    delivered.add(added.delivered);
    read.add(added.read);
    statuses.add(added.read > 0 ? "read" : "delivered");
    users.add(added.furthest_user);
    times.add(rfc3339(added.furthest->arrived_at()));
    status_ids.add(static_cast<long long>(message_status_id(added.furthest->position, target.partition_count)));
  }
  static const std::string kUpsert = upsert_statement();
  target.connection.prepare("broadcast_receipts_add", kUpsert);
  target.transaction.exec_prepared("broadcast_receipts_add", ids.str(), delivered.str(), read.str(), statuses.str(),
                                   users.str(), times.str(), status_ids.str());
}

}  // namespace hermes::projections
