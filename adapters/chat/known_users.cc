#include "adapters/chat/known_users.h"

#include <utility>

#include "adapters/wire/wire.h"

namespace hermes::chat {

KnownUsers::KnownUsers(domain::UserId self, std::chrono::milliseconds unknown_after)
    : self_(std::move(self)), unknown_after_(unknown_after) {}

void KnownUsers::heard_of(const std::string& user) {
  if (user != self_.str() && user != wire::kServerUser && users_.size() < kMax) users_.insert(user);
}

void KnownUsers::written_to(const domain::UserId& user, Clock::time_point now) {
  if (domain::is_broadcast(user) || user == self_ || users_.contains(user.str())) return;
  if (ever_unknown_.size() < kMax && ever_unknown_.insert(user.str()).second)
    unknown_.push_back({user.str(), now + unknown_after_});
}

std::vector<std::string> KnownUsers::take_unknown(Clock::time_point now) {
  std::vector<std::string> unknown;
  for (; !unknown_.empty() && unknown_.front().deadline <= now; unknown_.pop_front()) {
    const std::string& user = unknown_.front().user;
    if (all_ && !users_.contains(user)) unknown.push_back(user);
  }
  return unknown;
}

std::optional<KnownUsers::Clock::time_point> KnownUsers::deadline() const {
  if (unknown_.empty()) return std::nullopt;
  return unknown_.front().deadline;
}

}  // namespace hermes::chat
