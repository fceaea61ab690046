#include "eventstore/schema/upcaster.h"

#include <cassert>
#include <stdexcept>

#include "hermes/v1/events.pb.h"

namespace hermes::eventstore {
namespace {

// Version 1 knew text messages alone and had no message_type.
Result<std::string, PayloadError> message_sent_1_to_2(std::string_view payload) {
  v1::MessageSent message;
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return fail(PayloadError{PayloadError::Kind::malformed, "not a MessageSent of version 1"});
  }
  message.set_message_type("text");
  return message.SerializeAsString();
}

}  // namespace

void UpcasterRegistry::add(std::string event_type, std::int16_t from_version, Upcaster upcaster) {
  assert(from_version >= 1);
  const bool is_new = upcasters_.emplace(std::pair(std::move(event_type), from_version), upcaster).second;
  if (!is_new) throw std::logic_error("two upcasters from the same version");
}

bool UpcasterRegistry::has(std::string_view event_type, std::int16_t from_version) const {
  return upcasters_.contains(std::pair(std::string(event_type), from_version));
}

Result<std::string, PayloadError> UpcasterRegistry::lift(std::string_view event_type, std::int16_t from, std::int16_t to,
                                                         std::string_view payload) const {
  std::string lifted(payload);
  for (std::int16_t version = from; version < to; ++version) {
    auto next = upcasters_.at(std::pair(std::string(event_type), version))(lifted);
    if (!next) return next;
    lifted = *std::move(next);
  }
  return lifted;
}

const UpcasterRegistry& upcasters() {
  static const UpcasterRegistry registry = [] {
    UpcasterRegistry made;
    made.add("MessageSent", 1, message_sent_1_to_2);
    return made;
  }();
  return registry;
}

}  // namespace hermes::eventstore
