// The typing indicator from one user to another: Idle and Typing. A repeated stop is a duplicate, and so is a start that comes
// soon after the one before. A later one is recorded again: clients repeat the start while somebody types, and the last start
// shows readers that they still do (docs/projections.md). Pure, like message.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/timestamp.h"
#include "domain/commands.h"
#include "domain/events.h"
#include "domain/message.h"

namespace hermes::domain {

// The least time between two recorded starts. It is well under the 30 seconds of the view typing_now, so that one lost
// repetition does not empty it, and well over the seconds between a client's repetitions, so that not each becomes a row.
inline constexpr std::chrono::seconds kTypingRefresh{10};

enum class TypingState : std::uint8_t { idle, typing };

struct Typing {
  TypingState state = TypingState::idle;
  Timestamp started_at{};  // when the last start was recorded
  bool operator==(const Typing&) const = default;
};

// `at`: the time at which the decided events will be recorded. It is the clock that readers compare with, and never goes back.
Decision decide(const Typing& typing, const SetTyping& command, Timestamp at);
// `at`: when the event was recorded.
Result<Typing, Rejection> apply(const Typing& typing, const Event& event, Timestamp at);

// The state after an event, whatever came before it: so only the last event of a stream needs to be read.
Result<Typing, Rejection> typing_after(const Event& event, Timestamp at);

}  // namespace hermes::domain
