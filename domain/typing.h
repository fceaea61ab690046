// The typing indicator from one user to another: Idle and Typing. A repeated stop is a duplicate, and so is a start that comes
// soon after the one before. A later one is recorded again: clients repeat themselves while somebody types, and whoever looks
// sees by the last start that they still do (docs/projections.md). Pure, as message.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/timestamp.h"
#include "domain/commands.h"
#include "domain/events.h"
#include "domain/message.h"

namespace hermes::domain {

// From a recorded start to the next that is recorded, at least. Well under the 30 seconds of the view typing_now, so that one
// lost repetition does not empty it; well over the seconds between a client's repetitions, which are not to be a row each.
inline constexpr std::chrono::seconds kTypingRefresh{10};

enum class TypingState : std::uint8_t { idle, typing };

struct Typing {
  TypingState state = TypingState::idle;
  Timestamp started_at{};  // when the last start was recorded
  bool operator==(const Typing&) const = default;
};

// `at`: when what is decided now will be recorded: the clock that whoever looks compares with, and that never goes back.
Decision decide(const Typing& typing, const SetTyping& command, Timestamp at);
// `at`: when the event was recorded.
Result<Typing, Rejection> apply(const Typing& typing, const Event& event, Timestamp at);

// The state that an event leaves, whatever came before it: the last event of a stream says all, so the others need not be read.
Result<Typing, Rejection> typing_after(const Event& event, Timestamp at);

}  // namespace hermes::domain
