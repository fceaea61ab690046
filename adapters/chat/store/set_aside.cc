#include "adapters/chat/store/set_aside.h"

#include "adapters/chat/store/stored_message.h"

namespace hermes::chat {
namespace {

// This message, and not this id: it may have been refused because another message has its id.
bool is_there(sqlite::Connection& connection, const SetAside& message) {
  bool there = false;
  connection.query(R"sql(
SELECT message_id, sender_id, sender_name, receiver_id, content, message_type FROM set_aside WHERE message_id = ?
)sql",
                   {message.outgoing.message.message_id.str()},
                   [&](const sqlite::Row& row) { there = there || message_in(row) == message.outgoing.message; });
  return there;
}

}  // namespace

void put_aside(sqlite::Connection& connection, const SetAside& message) {
  if (is_there(connection, message)) return;
  connection.run(R"sql(
INSERT INTO set_aside (message_id, sender_id, sender_name, receiver_id, content, message_type, time, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
)sql",
                 StoredMessage(message.outgoing.message, message.outgoing.time, {message.reason}).values());
}

Result<Done, Error> set_aside(Store& store, const SetAside& message) {
  bool full = false;
  const auto written = store.write(Store::Durability::power, [&](sqlite::Connection& connection) {
    const auto kept = static_cast<std::size_t>(connection.number("SELECT count(*) FROM set_aside"));
    full = kept >= Outbox::kMaxMessages && !is_there(connection, message);
    if (!full) put_aside(connection, message);
  });
  if (!written) return fail(written.error());
  if (full) {
    return fail(
        Error{"too many refused messages are kept. See them with `hermes send --pending`, and drop them with --drop ID"});
  }
  return Done{};
}

Result<std::vector<SetAside>, Error> all_set_aside(const Store& store) {
  std::vector<SetAside> messages;
  const auto read = store.read([&](sqlite::Connection& connection) {
    connection.query(R"sql(
SELECT message_id, sender_id, sender_name, receiver_id, content, message_type, time, reason FROM set_aside ORDER BY position
)sql",
                     {}, [&](const sqlite::Row& row) {
                       messages.push_back({{message_in(row), time_in(row)}, row.text(7)});
                     });
  });
  if (!read) return fail(read.error());
  return messages;
}

Result<bool, Error> drop_set_aside(Store& store, const domain::MessageId& id) {
  bool dropped = false;
  const auto written = store.write(Store::Durability::power, [&](sqlite::Connection& connection) {
    connection.run("DELETE FROM set_aside WHERE message_id = ?", {id.str()});
    dropped = connection.changes() > 0;
  });
  if (!written) return fail(written.error());
  return dropped;
}

}  // namespace hermes::chat
