#include "projections/queries/queries.h"

#include <chrono>
#include <utility>

#include "eventstore/postgres/array_literal.h"

namespace hermes::projections {
namespace {

// Whoever took a message from the broker and whoever took its receipt may not have the same time: between their clocks, at
// most.
const std::string kClocksApart = "interval '10 minutes'";

// Before the first page: later than any message.
const std::string kNewest = "infinity";
const std::string kHighestId = "ffffffff-ffff-ffff-ffff-ffffffffffff";

Timestamp time(const pqxx::field& microseconds) {
  return Timestamp(std::chrono::microseconds(microseconds.as<std::int64_t>()));
}

std::string microseconds(const std::string& column) { return "(extract(epoch FROM " + column + ") * 1000000)::bigint"; }

std::string key_time(const std::optional<PageKey>& before) { return before ? rfc3339(before->created_at) : kNewest; }
std::string key_id(const std::optional<PageKey>& before) { return before ? before->id : kHighestId; }

// One index range: newest first, behind the key ($1, $2), at most $3. The row comparison is what PostgreSQL can start an index
// scan at; equal times within it are ordered by an incremental sort.
std::string range(const std::string& condition) {
  return "(SELECT m.* FROM chat_messages m WHERE " + condition +
         " AND (m.created_at, m.id) < ($1::timestamptz, $2::uuid) ORDER BY m.created_at DESC, m.id DESC LIMIT $3::bigint)";
}

// The peers of user $4 whose messages may be on the page: those with messages after the key, and of the others as many as the
// page has rows, by their last message. Each of these has one, so those of the rest come later. Equal times count, for ids
// decide there.
std::string peers_of_page() {
  const std::string mine = "SELECT peer_id FROM inbox WHERE user_id = $4 AND peer_id <> 'all' AND last_message_at ";
  return mine + ">= $1::timestamptz UNION ALL (" + mine +
         "< $1::timestamptz ORDER BY last_message_at DESC FETCH FIRST ($3::bigint) ROWS WITH TIES)";
}

// The columns of MessageEntry for the rows of `source`, newest first. A direct message has a handful of statuses, which are
// looked up for the rows of the page alone. A broadcast has two for each recipient: they are counted already, where there are
// receipts. OFFSET 0: looked up row by row, only for broadcasts, and not joined with all of the table.
std::string with_status(const std::string& source) {
  return "SELECT p.id::text, p.message_id, p.sender_id, p.sender_name, p.receiver_id, p.content, coalesce(p.message_type, "
         "'text'), " +
         microseconds("p.created_at") +
         ", coalesce(b.last_status_id, s.ids[1]), coalesce(b.last_status, s.statuses[1]), coalesce(b.last_user_id, "
         "s.users[1]), "
         "coalesce(b.last_at, s.times[1]), coalesce(b.delivered_count, s.delivered), coalesce(b.read_count, s.read) "
         "FROM (" +
         source +
         " ORDER BY created_at DESC, id DESC LIMIT $3::bigint) p "
         "LEFT JOIN LATERAL (SELECT r.last_status_id, r.last_status, r.last_user_id, " +
         microseconds("r.last_at") +
         " AS last_at, r.delivered_count, r.read_count"
         "  FROM broadcast_receipts r WHERE p.receiver_id = 'all' AND r.message_id = p.message_id OFFSET 0) b ON true "
         "LEFT JOIN LATERAL (SELECT"
         "  array_agg(t.id ORDER BY t.step DESC, t.id DESC) AS ids, array_agg(t.status ORDER BY t.step DESC, t.id DESC) AS "
         "statuses,"
         "  array_agg(t.user_id ORDER BY t.step DESC, t.id DESC) AS users, array_agg(t.at ORDER BY t.step DESC, t.id DESC) AS "
         "times,"
         "  count(*) FILTER (WHERE t.status = 'delivered') AS delivered, count(*) FILTER (WHERE t.status = 'read') AS read "
         "  FROM (SELECT id, status, user_id, " +
         microseconds("\"timestamp\"") +
         " AS at,"
         "        array_position(ARRAY['sent', 'received_by_server', 'delivered', 'read'], status::text) AS step"
         "        FROM message_status WHERE b.last_status_id IS NULL AND message_id = p.message_id) t) s ON true "
         "ORDER BY p.created_at DESC, p.id DESC";
}

MessageEntry entry_of(const pqxx::row& row) {
  MessageEntry entry;
  entry.id = row[0].as<std::string>();
  entry.message_id = row[1].as<std::string>();
  entry.sender_id = row[2].as<std::string>();
  entry.sender_name = row[3].as<std::string>();
  entry.receiver_id = row[4].as<std::string>();
  entry.content = row[5].as<std::string>();
  entry.message_type = row[6].as<std::string>();
  entry.created_at = time(row[7]);
  if (!row[8].is_null()) {
    entry.status = MessageStatus{row[8].as<std::int64_t>(), row[9].as<std::string>(), row[10].as<std::string>(), time(row[11])};
  }
  entry.delivered_count = row[12].as<std::int64_t>();
  entry.read_count = row[13].as<std::int64_t>();
  return entry;
}

// One row more than the page holds was asked for: whether it came tells whether there is a next page.
MessagePage page_of(const pqxx::result& rows, std::size_t limit) {
  MessagePage page;
  for (const auto& row : rows) {
    if (page.messages.size() == limit) {
      page.next = PageKey{page.messages.back().created_at, page.messages.back().id};
      break;
    }
    page.messages.push_back(entry_of(row));
  }
  return page;
}

std::string text(std::string_view view) { return std::string(view); }

// Planned once a session: these are long statements for the few rows that they read.
template <class... Arguments>
pqxx::result prepared(pqxx::transaction_base& transaction, const char* name, const std::string& sql, Arguments&&... arguments) {
  transaction.conn().prepare(name, sql);
  return transaction.exec_prepared(name, std::forward<Arguments>(arguments)...);
}

}  // namespace

MessagePage messages_between(pqxx::transaction_base& transaction, std::string_view user, std::string_view peer,
                             const std::optional<PageKey>& before, std::size_t limit) {
  static const std::string sql =
      with_status("SELECT * FROM (" + range("m.sender_id = $4 AND m.receiver_id = $5") + " UNION ALL " +
                  range("m.sender_id = $5 AND m.receiver_id = $4 AND $4 <> $5") + ") both_directions");
  return page_of(
      prepared(transaction, "messages_between", sql, key_time(before), key_id(before), limit + 1, text(user), text(peer)),
      limit);
}

MessagePage broadcasts(pqxx::transaction_base& transaction, const std::optional<PageKey>& before, std::size_t limit) {
  static const std::string sql = with_status("SELECT * FROM " + range("m.receiver_id = 'all'") + " to_everyone");
  return page_of(prepared(transaction, "broadcasts", sql, key_time(before), key_id(before), limit + 1), limit);
}

MessagePage messages_of(pqxx::transaction_base& transaction, std::string_view user, const std::optional<PageKey>& before,
                        std::size_t limit) {
  static const std::string sql = with_status(
      "SELECT * FROM ("
      "SELECT direct.* FROM (" +
      peers_of_page() + ") i CROSS JOIN LATERAL (" + range("m.sender_id = $4 AND m.receiver_id = i.peer_id") + " UNION ALL " +
      range("m.sender_id = i.peer_id AND m.receiver_id = $4 AND i.peer_id <> $4") +
      ") direct"
      " UNION ALL " +
      range("m.receiver_id = 'all'") + ") everything");
  return page_of(prepared(transaction, "messages_of", sql, key_time(before), key_id(before), limit + 1, text(user)), limit);
}

std::optional<MessageEntry> find_message(pqxx::transaction_base& transaction, std::string_view message_id) {
  static const std::string sql = with_status("SELECT * FROM " + range("m.message_id = $4") + " one");
  const pqxx::result rows = prepared(transaction, "find_message", sql, kNewest, kHighestId, 1, text(message_id));
  if (rows.empty()) return std::nullopt;
  return entry_of(rows[0]);
}

StatusPage statuses_of(pqxx::transaction_base& transaction, std::string_view message_id, std::optional<std::int64_t> after,
                       std::size_t limit) {
  static const std::string sql = "SELECT id, status, user_id, " + microseconds("\"timestamp\"") +
                                 " FROM message_status WHERE message_id = $1 AND id > $2 ORDER BY id LIMIT $3";
  const pqxx::result rows = prepared(transaction, "statuses_of", sql, text(message_id), after.value_or(-1), limit + 1);
  StatusPage page;
  for (const auto& row : rows) {
    if (page.statuses.size() == limit) {
      page.next = page.statuses.back().id;
      break;
    }
    page.statuses.push_back({row[0].as<std::int64_t>(), row[1].as<std::string>(), row[2].as<std::string>(), time(row[3])});
  }
  return page;
}

std::vector<ReceiptOf> receipts_of(pqxx::transaction_base& transaction, std::string_view user,
                                   const std::vector<std::string>& message_ids) {
  static const std::string sql =
      "WITH wanted AS MATERIALIZED ("
      " SELECT message_id, created_at, receiver_id = 'all' AS to_all FROM chat_messages WHERE message_id = ANY ($2::text[])),"
      " mine AS MATERIALIZED ("
      " SELECT message_id, status, \"timestamp\" FROM message_status WHERE user_id = $1 AND \"timestamp\" >= (SELECT "
      "min(created_at) - " +
      kClocksApart +
      " FROM wanted WHERE to_all)) "
      "SELECT message_id, status, " +
      microseconds("\"timestamp\"") +
      " FROM ("
      "SELECT m.message_id, m.status, m.\"timestamp\" FROM mine m JOIN wanted USING (message_id) WHERE to_all"
      " UNION ALL "
      "SELECT s.message_id, s.status, s.\"timestamp\" FROM wanted w JOIN message_status s USING (message_id)"
      " WHERE NOT w.to_all AND s.user_id = $1) r WHERE status IN ('delivered', 'read') ORDER BY message_id, status";
  postgres::ArrayLiteral ids;
  for (const std::string& id : message_ids) ids.add(id);
  std::vector<ReceiptOf> receipts;
  for (const auto& row : prepared(transaction, "receipts_of", sql, text(user), ids.str()))
    receipts.push_back({row[0].as<std::string>(), row[1].as<std::string>(), time(row[2])});
  return receipts;
}

InboxEntries inbox_of(pqxx::transaction_base& transaction, std::string_view user, std::size_t limit) {
  static const std::string sql =
      "SELECT peer_id, unread_count, last_message_id, last_sender_id, last_content, " + microseconds("last_message_at") + ", " +
      microseconds("last_activity_at") +
      ", sum(unread_count) OVER () FROM inbox WHERE user_id = $1 ORDER BY last_activity_at DESC, peer_id LIMIT $2";
  const pqxx::result rows = prepared(transaction, "inbox_of", sql, text(user), limit);
  InboxEntries inbox;
  for (const auto& row : rows) {
    inbox.unread_count = row[7].as<std::int64_t>();
    inbox.conversations.push_back({row[0].as<std::string>(), row[1].as<std::int64_t>(), row[2].as<std::string>(),
                                   row[3].as<std::string>(), row[4].as<std::string>(), time(row[5]), time(row[6])});
  }
  return inbox;
}

std::vector<MessageEntry> undelivered_to(pqxx::transaction_base& transaction, std::string_view user, Broadcasts broadcasts,
                                         std::size_t limit) {
  static const std::string sql = with_status(
      "WITH to_all AS MATERIALIZED (SELECT m.* FROM chat_messages m WHERE m.receiver_id = 'all' AND m.sender_id <> $4"
      " ORDER BY m.created_at DESC, m.id DESC LIMIT $5::bigint),"
      " mine AS MATERIALIZED (SELECT message_id FROM message_status WHERE user_id = $4 AND \"timestamp\" >= (SELECT "
      "min(created_at) "
      "- " +
      kClocksApart +
      " FROM to_all) AND status IN ('delivered', 'read')) "
      "SELECT * FROM ("
      "(SELECT direct.* FROM inbox i CROSS JOIN LATERAL " +
      range("m.sender_id = i.peer_id AND m.receiver_id = $4") +
      " direct WHERE i.user_id = $4 AND i.peer_id <> 'all' AND i.unread_count > 0"
      " ORDER BY direct.created_at DESC, direct.id DESC LIMIT $3::bigint)) newest "
      "WHERE NOT EXISTS (SELECT FROM message_status r"
      " WHERE r.message_id = newest.message_id AND r.user_id = $4 AND r.status IN ('delivered', 'read'))"
      " UNION ALL "
      "SELECT * FROM to_all WHERE message_id NOT IN (SELECT message_id FROM mine)");
  const pqxx::result rows = prepared(transaction, "undelivered_to", sql, kNewest, kHighestId, kUndeliveredWindow, text(user),
                                     broadcasts == Broadcasts::included ? kUndeliveredBroadcasts : 0);
  std::vector<MessageEntry> messages;
  for (const auto& row : rows) {
    if (messages.size() == limit) break;
    messages.push_back(entry_of(row));
  }
  return messages;
}

UserPage users(pqxx::transaction_base& transaction, std::string_view after, std::size_t limit) {
  // PostgreSQL has no skip scan: the recursion jumps from one user to the next in the primary key of inbox.
  static const std::string sql =
      "WITH RECURSIVE found AS ("
      " (SELECT user_id FROM inbox WHERE user_id > $1 ORDER BY user_id LIMIT 1)"
      " UNION ALL"
      " SELECT (SELECT i.user_id FROM inbox i WHERE i.user_id > found.user_id ORDER BY i.user_id LIMIT 1)"
      " FROM found WHERE found.user_id IS NOT NULL) "
      "SELECT user_id, (SELECT m.sender_name FROM chat_messages m WHERE m.sender_id = found.user_id"
      " ORDER BY m.receiver_id DESC, m.created_at DESC LIMIT 1) FROM found WHERE user_id IS NOT NULL LIMIT $2";
  const pqxx::result rows = prepared(transaction, "users", sql, text(after), limit + 1);
  UserPage page;
  for (const auto& row : rows) {
    if (page.users.size() == limit) {
      page.next = page.users.back().user_id;
      break;
    }
    User user{row[0].as<std::string>(), std::nullopt};
    if (!row[1].is_null()) user.name = row[1].as<std::string>();
    page.users.push_back(std::move(user));
  }
  return page;
}

}  // namespace hermes::projections
