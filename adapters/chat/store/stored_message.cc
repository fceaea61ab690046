#include "adapters/chat/store/stored_message.h"

#include <utility>

namespace hermes::chat {
namespace {

template <class Parsed>
const Parsed& valid(const Parsed& parsed, const sqlite::Row& row, int column) {
  if (!parsed) throw sqlite::Failure(sqlite::Failure::Kind::damaged, "a row holds \"" + row.text(column) + "\"");
  return parsed;
}

}  // namespace

StoredMessage::StoredMessage(const domain::SendMessage& message, Timestamp time, std::vector<sqlite::Value> more)
    : time_(rfc3339(time)),
      values_{message.message_id.str(),
              message.sender.str(),
              message.sender_name,
              message.receiver.str(),
              message.content,
              message.message_type,
              time_} {
  values_.insert(values_.end(), more.begin(), more.end());
}

domain::SendMessage message_in(const sqlite::Row& row) {
  return {.message_id = id_in(row, 0),
          .sender = user_in(row, 1),
          .sender_name = row.text(2),
          .receiver = user_in(row, 3),
          .content = row.text(4),
          .message_type = row.text(5)};
}

Timestamp time_in(const sqlite::Row& row) { return *valid(parse_timestamp(row.text(6)), row, 6); }

domain::MessageId id_in(const sqlite::Row& row, int column) {
  return *valid(domain::MessageId::parse(row.text(column)), row, column);
}

domain::UserId user_in(const sqlite::Row& row, int column) {
  return *valid(domain::UserId::parse(row.text(column)), row, column);
}

}  // namespace hermes::chat
