#include "eventstore/schema/payload.h"

#include <google/protobuf/stubs/logging.h>

#include <array>
#include <cstddef>
#include <limits>
#include <new>
#include <utility>
#include <variant>

#include "domain/identifiers.h"
#include "eventstore/schema/upcaster.h"
#include "hermes/v1/events.pb.h"

namespace hermes::eventstore {
namespace {

using domain::Event;
using domain::UserId;

struct Schema {
  std::string_view event_type;
  std::int16_t version;
};

// In the order of the variant.
constexpr std::array<Schema, std::variant_size_v<Event>> kSchemas = {{
    {"MessageSent", 2},
    {"MessageReceived", 1},
    {"MessageDelivered", 1},
    {"MessageRead", 1},
    {"TypingStarted", 1},
    {"TypingStopped", 1},
}};

// One message of each type per thread, used again and again: protobuf keeps the memory of its strings.
template <class Message>
Message& reused() {
  thread_local Message message;
  message.Clear();
  return message;
}

template <class Message>
void append(const Message& message, std::string& out) {
  if (!message.AppendToString(&out)) throw std::bad_alloc();  // it fails only so, or for a payload beyond 2 GiB
}

struct Encode {
  std::string& out;

  void operator()(const domain::MessageSent& event) const {
    auto& message = reused<v1::MessageSent>();
    message.set_sender(event.sender.str());
    message.set_sender_name(event.sender_name);
    message.set_receiver(event.receiver.str());
    message.set_content(event.content);
    message.set_message_type(event.message_type);
    append(message, out);
  }
  void operator()(const domain::MessageReceived&) const {}  // no fields, no bytes
  void operator()(const domain::MessageDelivered& event) const { receipt<v1::MessageDelivered>(event); }
  void operator()(const domain::MessageRead& event) const { receipt<v1::MessageRead>(event); }
  void operator()(const domain::TypingStarted& event) const {
    auto& message = reused<v1::TypingStarted>();
    message.set_sender(event.sender.str());
    message.set_sender_name(event.sender_name);
    message.set_receiver(event.receiver.str());
    append(message, out);
  }
  void operator()(const domain::TypingStopped& event) const {
    auto& message = reused<v1::TypingStopped>();
    message.set_sender(event.sender.str());
    message.set_receiver(event.receiver.str());
    append(message, out);
  }

 private:
  template <class Message, class Receipt>
  void receipt(const Receipt& event) const {
    auto& message = reused<Message>();
    message.set_recipient(event.recipient.str());
    append(message, out);
  }
};

Failure<PayloadError> malformed(std::string detail) {
  return fail(PayloadError{PayloadError::Kind::malformed, std::move(detail)});
}

// Takes fields one by one and remembers the first that breaks a rule.
class Fields {
 public:
  std::optional<UserId> user(std::string_view field, std::string_view text) {
    auto id = UserId::parse(text, field);
    if (id) return *std::move(id);
    note(id.error());
    return std::nullopt;
  }

  std::string text(std::string_view field, std::string& value, std::size_t max_characters) {
    if (auto checked = domain::check_text(field, value, max_characters); !checked) note(checked.error());
    return std::move(value);
  }

  const std::optional<std::string>& problem() const { return problem_; }

 private:
  void note(const domain::InvalidField& invalid) {
    if (!problem_) problem_ = invalid.message();
  }
  std::optional<std::string> problem_;
};

// The wire limits contents by bytes before they get here.
constexpr std::size_t kAnyLength = std::numeric_limits<std::size_t>::max();

template <class Message>
Message* parse(std::string_view payload) {
  auto& message = reused<Message>();
  if (payload.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return nullptr;
  return message.ParseFromArray(payload.data(), static_cast<int>(payload.size())) ? &message : nullptr;
}

using Decoded = Result<Event, PayloadError>;

constexpr std::string_view kNotThisType = "the bytes are not a payload of this type";

Decoded decode_message_sent(std::string_view payload) {
  auto* message = parse<v1::MessageSent>(payload);
  if (message == nullptr) return malformed(std::string(kNotThisType));
  Fields fields;
  auto sender = fields.user("sender", message->sender());
  auto receiver = fields.user("receiver", message->receiver());
  std::string name = fields.text("sender_name", *message->mutable_sender_name(), domain::kSenderNameMaxCharacters);
  std::string content = fields.text("content", *message->mutable_content(), kAnyLength);
  std::string type = fields.text("message_type", *message->mutable_message_type(), domain::kMessageTypeMaxCharacters);
  if (fields.problem()) return malformed(*fields.problem());
  return Event(
      domain::MessageSent{*std::move(sender), std::move(name), *std::move(receiver), std::move(content), std::move(type)});
}

Decoded decode_message_received(std::string_view payload) {
  if (parse<v1::MessageReceived>(payload) == nullptr) return malformed(std::string(kNotThisType));
  return Event(domain::MessageReceived{});
}

template <class Message, class Receipt>
Decoded decode_receipt(std::string_view payload) {
  auto* message = parse<Message>(payload);
  if (message == nullptr) return malformed(std::string(kNotThisType));
  Fields fields;
  auto recipient = fields.user("recipient", message->recipient());
  if (fields.problem()) return malformed(*fields.problem());
  return Event(Receipt{*std::move(recipient)});
}

Decoded decode_typing_started(std::string_view payload) {
  auto* message = parse<v1::TypingStarted>(payload);
  if (message == nullptr) return malformed(std::string(kNotThisType));
  Fields fields;
  auto sender = fields.user("sender", message->sender());
  auto receiver = fields.user("receiver", message->receiver());
  std::string name = fields.text("sender_name", *message->mutable_sender_name(), domain::kSenderNameMaxCharacters);
  if (fields.problem()) return malformed(*fields.problem());
  return Event(domain::TypingStarted{*std::move(sender), std::move(name), *std::move(receiver)});
}

Decoded decode_typing_stopped(std::string_view payload) {
  auto* message = parse<v1::TypingStopped>(payload);
  if (message == nullptr) return malformed(std::string(kNotThisType));
  Fields fields;
  auto sender = fields.user("sender", message->sender());
  auto receiver = fields.user("receiver", message->receiver());
  if (fields.problem()) return malformed(*fields.problem());
  return Event(domain::TypingStopped{*std::move(sender), *std::move(receiver)});
}

// In the order of the variant.
constexpr std::array<Decoded (*)(std::string_view), std::variant_size_v<Event>> kDecoders = {
    decode_message_sent,
    decode_message_received,
    decode_receipt<v1::MessageDelivered, domain::MessageDelivered>,
    decode_receipt<v1::MessageRead, domain::MessageRead>,
    decode_typing_started,
    decode_typing_stopped,
};

std::optional<std::size_t> index_of(std::string_view event_type) {
  for (std::size_t i = 0; i < kSchemas.size(); ++i) {
    if (kSchemas[i].event_type == event_type) return i;
  }
  return std::nullopt;
}

// protobuf prints what it refuses to stderr. Here a refusal is a result, which the caller gets.
void keep_protobuf_quiet() {
  static const bool silenced = (google::protobuf::SetLogHandler(nullptr), true);
  static_cast<void>(silenced);
}

}  // namespace

std::int16_t schema_version(const Event& event) { return kSchemas[event.index()].version; }

std::optional<std::int16_t> schema_version(std::string_view event_type) {
  const auto index = index_of(event_type);
  if (!index) return std::nullopt;
  return kSchemas[*index].version;
}

void encode_payload(const Event& event, std::string& out) { std::visit(Encode{out}, event); }

Result<Event, PayloadError> decode_payload(std::string_view event_type, std::int16_t schema_version, std::string_view payload) {
  keep_protobuf_quiet();
  const auto index = index_of(event_type);
  if (!index) {
    return fail(PayloadError{PayloadError::Kind::unknown_event_type,
                             "this Hermes knows no event type \"" + std::string(event_type) + "\": upgrade it"});
  }
  const std::int16_t today = kSchemas[*index].version;
  if (schema_version > today) {
    return fail(PayloadError{PayloadError::Kind::newer_schema, std::string(event_type) + " of schema version " +
                                                                   std::to_string(schema_version) +
                                                                   " was written by a newer Hermes, this one reads up to " +
                                                                   std::to_string(today) + ": upgrade it"});
  }
  if (schema_version < 1) return malformed("there is no schema version " + std::to_string(schema_version));
  if (schema_version == today) return kDecoders[*index](payload);
  auto lifted = upcasters().lift(event_type, schema_version, today, payload);
  if (!lifted) return fail(lifted.error());
  return kDecoders[*index](*lifted);
}

}  // namespace hermes::eventstore
