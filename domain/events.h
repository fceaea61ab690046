// What can happen to a message, and to the typing indicator from one user to another. Events are facts: they are written once
// and never change. Their serialized form is proto/hermes/v1/events.proto; eventstore/schema/payload.h converts.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "domain/identifiers.h"

namespace hermes::domain {

struct MessageSent {
  UserId sender;
  std::string sender_name;
  UserId receiver;  // or everyone
  std::string content;
  std::string message_type;
  bool operator==(const MessageSent&) const = default;
};

// The server stored the message.
struct MessageReceived {
  bool operator==(const MessageReceived&) const = default;
};

struct MessageDelivered {
  UserId recipient;
  bool operator==(const MessageDelivered&) const = default;
};

struct MessageRead {
  UserId recipient;
  bool operator==(const MessageRead&) const = default;
};

struct TypingStarted {
  UserId sender;
  std::string sender_name;
  UserId receiver;
  bool operator==(const TypingStarted&) const = default;
};

struct TypingStopped {
  UserId sender;
  UserId receiver;
  bool operator==(const TypingStopped&) const = default;
};

using Event = std::variant<MessageSent, MessageReceived, MessageDelivered, MessageRead, TypingStarted, TypingStopped>;

// The name in the log's event_type column: "MessageSent", "TypingStopped", ...
std::string_view event_type(const Event& event);

// All of those names.
std::span<const std::string_view> all_event_types();

}  // namespace hermes::domain
