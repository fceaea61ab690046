// Looks for messages that the broker has not kept: it keeps them from a user's first subscription on, and not more than its
// limits allow. What was sent before, the query service knows. Without it there is nothing to say: nobody asked.
//
// Clocks come in as arguments. Not thread-safe: on the thread that calls QueryClient::deliver().
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "adapters/chat/notices.h"
#include "adapters/chat/query_client.h"
#include "adapters/chat/session.h"
#include "domain/identifiers.h"

namespace hermes::chat {

class MissedMessages {
 public:
  using Clock = std::chrono::steady_clock;

  // When to look after a connection was made. Not at once, for the broker first delivers what it has kept, in order; and again,
  // because a message on its way to the tables when the subscription was made is not in them yet.
  static constexpr std::chrono::seconds kFirstLook{2};
  static constexpr std::chrono::seconds kLastLook{15};

  // Requires: both outlive this, and no answer is delivered after this is gone.
  MissedMessages(Session& session, QueryClient& queries, domain::UserId user);

  // A connection was made: looks again from now on. Or it was lost: looks no more.
  void connection(const ConnectionChanged& change, Clock::time_point now);
  // Asks, if it is time to; the session is given what is found (Session::found).
  void look(Clock::time_point now);
  std::optional<Clock::time_point> deadline() const;  // when to look next

 private:
  Session& session_;
  QueryClient& queries_;
  const domain::UserId user_;
  std::deque<Clock::time_point> looks_;  // in order
  bool broadcasts_ = false;
};

}  // namespace hermes::chat
