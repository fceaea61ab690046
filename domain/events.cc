#include "domain/events.h"

#include <array>

namespace hermes::domain {
namespace {

// In the order of the variant.
constexpr std::array<std::string_view, std::variant_size_v<Event>> kNames = {
    "MessageSent", "MessageReceived", "MessageDelivered", "MessageRead", "TypingStarted", "TypingStopped"};

}  // namespace

std::string_view event_type(const Event& event) { return kNames[event.index()]; }

std::span<const std::string_view> all_event_types() { return kNames; }

}  // namespace hermes::domain
