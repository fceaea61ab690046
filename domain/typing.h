// The typing indicator from one user to another: Idle and Typing. A repeated start or stop is a duplicate. Pure, as message.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "domain/commands.h"
#include "domain/events.h"
#include "domain/message.h"

namespace hermes::domain {

enum class Typing : std::uint8_t { idle, typing };

Decision decide(Typing state, const SetTyping& command);
Result<Typing, Rejection> apply(Typing state, const Event& event);

}  // namespace hermes::domain
