// Who there is, as far as a client has heard: for completion, and to say of a message that it goes to somebody whom nobody has
// heard of. That may be a slip of the pen, and the server takes it as it takes any other.
//
// Clocks come in as arguments. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "domain/identifiers.h"

namespace hermes::chat {

class KnownUsers {
 public:
  using Clock = std::chrono::steady_clock;
  // More are not remembered.
  static constexpr std::size_t kMax = 1'000;

  // `unknown_after`: how long a user who was written to may take to give a sign. Who is there for the first time is unknown
  // too, and answers at once.
  KnownUsers(domain::UserId self, std::chrono::milliseconds unknown_after);

  void heard_of(const std::string& user);
  // The query service has named all there are. Before that nobody is said to be unknown.
  void are_all() { all_ = true; }
  void written_to(const domain::UserId& user, Clock::time_point now);

  // The users written to of whom there was no sign in time, in order. Each is named once.
  std::vector<std::string> take_unknown(Clock::time_point now);
  std::optional<Clock::time_point> deadline() const;  // of the next sign

  const std::set<std::string>& ids() const { return users_; }  // without the client's own

 private:
  struct Unknown {
    std::string user;
    Clock::time_point deadline;
  };

  const domain::UserId self_;
  const std::chrono::milliseconds unknown_after_;
  std::set<std::string> users_;
  bool all_ = false;
  std::deque<Unknown> unknown_;         // in order
  std::set<std::string> ever_unknown_;  // each is said once
};

}  // namespace hermes::chat
