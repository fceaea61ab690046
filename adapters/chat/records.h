// The JSON of the records in outbox.log and inbox.log (docs/chat.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "adapters/chat/unconfirmed_receipts.h"
#include "base/timestamp.h"
#include "domain/commands.h"

namespace hermes::chat {

struct Record {
  std::string kind;  // "message"; "acknowledged", "forgotten", "tried"; "reason"; "shown", "delivered", "finished",
                     // "published", "confirmed"
  std::string message_id;
  std::optional<domain::SendMessage> message;  // kind "message" only
  Timestamp time{};
  unsigned attempts = 0;             // kinds "tried" and "published"
  unsigned overtaken = 0;            // kind "tried" only
  std::string reason{};              // kind "reason" only
  std::optional<Receipt> receipt{};  // kind "published" only
};

std::string encode_message_record(const domain::SendMessage& message, Timestamp time);
std::string encode_record(std::string_view kind, const domain::MessageId& id);

std::string encode_attempts(const domain::MessageId& id, unsigned attempts, unsigned overtaken);
// A receipt that is with the broker; `tries`: how often it was looked up in vain.
std::string encode_published(const Receipt& receipt, unsigned tries);
std::string encode_reason(const domain::MessageId& id, std::string_view reason);

// Nothing for a record that this version does not know: it is passed over.
std::optional<Record> decode_record(std::string_view json);

}  // namespace hermes::chat
