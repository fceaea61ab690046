// Commands: what somebody asks for. `decide` (message.h, typing.h) accepts or refuses a command.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "domain/identifiers.h"

namespace hermes::domain {

struct SendMessage {
  MessageId message_id;
  UserId sender;
  std::string sender_name;
  UserId receiver;  // or everyone
  std::string content;
  std::string message_type;
  bool operator==(const SendMessage&) const = default;
};

// The statuses of message_status and of the wire.
enum class Status { sent, received_by_server, delivered, read };

std::string_view to_string(Status status);
std::optional<Status> parse_status(std::string_view text);

// A user reports that a message reached them or that they read it. A hostile or old client can also ask for `sent` and
// `received_by_server`; these are refused, since only the server may record them.
struct RecordReceipt {
  MessageId message_id;
  Status status;
  UserId user;
  bool operator==(const RecordReceipt&) const = default;
};

struct SetTyping {
  UserId sender;
  std::string sender_name;
  UserId receiver;
  bool is_typing;
  bool operator==(const SetTyping&) const = default;
};

using Command = std::variant<SendMessage, RecordReceipt, SetTyping>;

}  // namespace hermes::domain
