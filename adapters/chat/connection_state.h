// Whether a session's connection to the broker is of use, why not, and which of its changes are told (notices.h).
//
// Clocks come in as arguments. Not thread-safe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "adapters/chat/notices.h"
#include "adapters/mqtt/client.h"

namespace hermes::chat {

class ConnectionState {
 public:
  using Clock = std::chrono::steady_clock;

  // Two clients that take the session from each other come back after at most the back-off of the other, 5 s.
  static constexpr std::chrono::milliseconds kShortLived{10'000};

  // Each returns what to tell; nothing: it is not worth a word, or will be told later.

  // The broker could not be reached, or would not have the session. The same problem again is not told again.
  std::optional<ConnectionChanged> not_made(const std::string& problem);
  // The first connection is told once its subscriptions stand.
  std::optional<ConnectionChanged> made(bool session_was_kept, Clock::time_point now);
  ConnectionChanged subscribed();
  std::optional<ConnectionChanged> lost(const mqtt::Disconnection& lost, Clock::time_point now);

  void not_published(std::string problem) { last_problem_ = std::move(problem); }

  bool ready() const { return connected_ && subscribed_; }  // messages go out and come in
  const std::string& last_problem() const { return last_problem_; }

 private:
  bool connected_ = false;
  bool subscribed_ = false;  // stays so: a later connection resumes the session, or the MQTT client subscribes again
  bool session_was_kept_ = true;
  Clock::time_point connected_since_{};
  unsigned short_lived_ = 0;  // connections in a row, until now
  std::string last_problem_;
};

}  // namespace hermes::chat
