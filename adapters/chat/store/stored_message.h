// A message in the tables of the store (store.h): the seven columns with which outbox, set_aside and inbox begin, in the order
// message_id, sender_id, sender_name, receiver_id, content, message_type, time.
#pragma once

#include <string>
#include <vector>

#include "adapters/chat/store/sqlite.h"
#include "base/timestamp.h"
#include "domain/commands.h"

namespace hermes::chat {

// The values of a statement whose first seven parameters are these columns, and whose others are `more`.
class StoredMessage {
 public:
  // Requires: `message`, and the texts in `more`, outlive it.
  StoredMessage(const domain::SendMessage& message, Timestamp time, std::vector<sqlite::Value> more = {});
  StoredMessage(const StoredMessage&) = delete;

  const std::vector<sqlite::Value>& values() const { return values_; }

 private:
  const std::string time_;
  std::vector<sqlite::Value> values_;
};

// Of a row whose first seven columns these are. Throw sqlite::Failure (damaged) for what no client has written.
domain::SendMessage message_in(const sqlite::Row& row);
Timestamp time_in(const sqlite::Row& row);
domain::MessageId id_in(const sqlite::Row& row, int column = 0);
domain::UserId user_in(const sqlite::Row& row, int column);

}  // namespace hermes::chat
