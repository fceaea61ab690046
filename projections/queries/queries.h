// What people ask the read models: pages of messages, statuses, inboxes, users. SQL lives here, once; the query service and the
// tools call it.
//
// Every function runs in the transaction it is given, which may be read-only and of role hermes_reader, and throws pqxx's
// exceptions. Strings that come in are valid UTF-8 without NUL (domain::check_text).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <vector>

#include "base/timestamp.h"

namespace hermes::projections {

struct MessageStatus {
  std::int64_t id = 0;  // grows in the order of the log
  std::string status;   // sent, received_by_server, delivered, read
  std::string user_id;
  Timestamp timestamp;
};

// A row of chat_messages with the furthest status that it reached.
struct MessageEntry {
  std::string id;  // UUID
  std::string message_id;
  std::string sender_id;
  std::string sender_name;
  std::string receiver_id;
  std::string content;
  std::string message_type;
  Timestamp created_at;
  std::optional<MessageStatus> status;
  std::int64_t delivered_count = 0;
  std::int64_t read_count = 0;
};

// Where a page ended: the next one starts behind it. Messages are ordered by (created_at, id), both of which never change, and
// new ones come at the newer end; so following the keys shows each message that was there at the start once, whatever is
// inserted meanwhile.
struct PageKey {
  Timestamp created_at;
  std::string id;  // UUID
};

struct MessagePage {
  std::vector<MessageEntry> messages;  // newest first
  std::optional<PageKey> next;         // nothing on the last page
};

// Requires, for all: limit > 0. One index range a direction and page, whatever the size of the tables.
MessagePage messages_between(pqxx::transaction_base& transaction, std::string_view user, std::string_view peer,
                             const std::optional<PageKey>& before, std::size_t limit);

// The broadcasts, by anyone.
MessagePage broadcasts(pqxx::transaction_base& transaction, const std::optional<PageKey>& before, std::size_t limit);

// All that the user sent or received, broadcasts included. The user's peers are those of the inbox, so it sees a new peer when
// the projection `inbox` has. Costs two index ranges a peer.
MessagePage messages_of(pqxx::transaction_base& transaction, std::string_view user, const std::optional<PageKey>& before,
                        std::size_t limit);

std::optional<MessageEntry> find_message(pqxx::transaction_base& transaction, std::string_view message_id);

struct StatusPage {
  std::vector<MessageStatus> statuses;  // in the order of the log
  std::optional<std::int64_t> next;
};

// From the id after `after` on. Empty for a message that does not exist.
StatusPage statuses_of(pqxx::transaction_base& transaction, std::string_view message_id, std::optional<std::int64_t> after,
                       std::size_t limit);

// The receipts that a user has given for these messages: `delivered` and `read`. A direct message costs its few statuses;
// broadcasts cost what the user has done since the oldest of them, not the receipts of all its recipients.
struct ReceiptOf {
  std::string message_id;
  std::string status;
  Timestamp timestamp;
};
std::vector<ReceiptOf> receipts_of(pqxx::transaction_base& transaction, std::string_view user,
                                   const std::vector<std::string>& message_ids);

struct Conversation {
  std::string peer_id;  // `all`: the broadcasts that the user sent
  std::int64_t unread_count = 0;
  std::string last_message_id;
  std::string last_sender_id;
  std::string last_content;  // its first 200 characters
  Timestamp last_message_at;
  Timestamp last_activity_at;
};

struct InboxEntries {
  std::int64_t unread_count = 0;            // over all conversations
  std::vector<Conversation> conversations;  // the last active first, at most `limit`
};

InboxEntries inbox_of(pqxx::transaction_base& transaction, std::string_view user, std::size_t limit);

// Direct messages to the user, newest first, that they have given no receipt for: those of before their first client, for
// example, which no broker kept for them. Looked for among the newest kUndeliveredWindow of the peers of whom something is
// unread (by the projection `inbox`), so that a user with millions of messages costs no more than any other.
//
// With broadcasts, those of others too, among the newest kUndeliveredBroadcasts: it costs a look at what the user has done
// since the oldest of them, not at the receipts of all recipients.
inline constexpr std::size_t kUndeliveredWindow = 1'000;
inline constexpr std::size_t kUndeliveredBroadcasts = 100;
enum class Broadcasts { left_out, included };
std::vector<MessageEntry> undelivered_to(pqxx::transaction_base& transaction, std::string_view user, Broadcasts broadcasts,
                                         std::size_t limit);

struct User {
  std::string user_id;
  std::optional<std::string> name;  // as in a message of theirs
};

struct UserPage {
  std::vector<User> users;  // by id
  std::optional<std::string> next;
};

UserPage users(pqxx::transaction_base& transaction, std::string_view after, std::size_t limit);

}  // namespace hermes::projections
