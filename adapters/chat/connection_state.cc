#include "adapters/chat/connection_state.h"

namespace hermes::chat {

std::optional<ConnectionChanged> ConnectionState::not_made(const std::string& problem) {
  if (std::exchange(last_problem_, problem) == problem) return std::nullopt;
  return ConnectionChanged{.connected = false, .reason = problem};
}

std::optional<ConnectionChanged> ConnectionState::made(bool session_was_kept, Clock::time_point now) {
  if (std::exchange(connected_, true)) return std::nullopt;
  connected_since_ = now;
  session_was_kept_ = session_was_kept;
  if (!subscribed_) return std::nullopt;
  return ConnectionChanged{.connected = true, .session_was_kept = session_was_kept};
}

ConnectionChanged ConnectionState::subscribed() {
  subscribed_ = true;
  return {.connected = true, .session_was_kept = session_was_kept_};
}

std::optional<ConnectionChanged> ConnectionState::lost(const mqtt::Disconnection& lost, Clock::time_point now) {
  const bool soon = now - connected_since_ < kShortLived;
  short_lived_ = soon && lost.cause == mqtt::Disconnection::Cause::connection_lost ? short_lived_ + 1 : 0;
  if (!std::exchange(connected_, false)) return std::nullopt;
  last_problem_ = lost.reason;
  if (!subscribed_) return std::nullopt;
  return ConnectionChanged{.connected = false, .reason = lost.reason, .short_lived = short_lived_};
}

}  // namespace hermes::chat
