// The JSON of the records in outbox.log and inbox.log (docs/chat.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "domain/commands.h"
#include "domain/timestamp.h"

namespace hermes::chat {

struct Record {
  std::string kind;  // "message"; "acknowledged", "forgotten", "tried"; "reason"; "shown", "delivered", "finished"
  std::string message_id;
  std::optional<domain::SendMessage> message;  // kind "message" only
  domain::Timestamp time{};
  unsigned attempts = 0;  // these two: kind "tried" only
  unsigned overtaken = 0;
  std::string reason{};  // kind "reason" only
};

std::string encode_message_record(const domain::SendMessage& message, domain::Timestamp time);
std::string encode_record(std::string_view kind, const domain::MessageId& id);

std::string encode_attempts(const domain::MessageId& id, unsigned attempts, unsigned overtaken);
std::string encode_reason(const domain::MessageId& id, std::string_view reason);

// Nothing for a record that this version does not know: it is passed over.
std::optional<Record> decode_record(std::string_view json);

}  // namespace hermes::chat
