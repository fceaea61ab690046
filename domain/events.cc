#include "domain/events.h"

#include <array>

namespace hermes::domain {

std::string_view event_type(const Event& event) {
  // In the order of the variant.
  static constexpr std::array<std::string_view, std::variant_size_v<Event>> kNames = {
      "MessageSent", "MessageReceived", "MessageDelivered", "MessageRead", "TypingStarted", "TypingStopped"};
  return kNames[event.index()];
}

}  // namespace hermes::domain
