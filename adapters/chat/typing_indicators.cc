#include "adapters/chat/typing_indicators.h"

#include <algorithm>

#include "base/printable_text.h"

namespace hermes::chat {

std::vector<OwnTyping::Change> OwnTyping::edited(const std::optional<std::string>& receiver, Clock::time_point now) {
  std::vector<Change> changes;
  if (!receiver_.empty() && receiver != receiver_) {
    changes.push_back({receiver_, false});
    receiver_.clear();
  }
  if (!receiver) return changes;
  last_edit_ = now;
  if (receiver_ != *receiver || now - last_told_ >= kRepeat) {
    receiver_ = *receiver;
    last_told_ = now;
    changes.push_back({receiver_, true});
  }
  return changes;
}

std::vector<OwnTyping::Change> OwnTyping::paused() {
  if (receiver_.empty()) return {};
  std::vector<Change> changes{{receiver_, false}};
  receiver_.clear();
  return changes;
}

std::optional<OwnTyping::Clock::time_point> OwnTyping::deadline() const {
  if (receiver_.empty()) return std::nullopt;
  return last_edit_ + kPause;
}

void OthersTyping::changed(const std::string& user, const std::string& name, bool is_typing, Clock::time_point now) {
  if (!is_typing) {
    typing_.erase(user);
  } else if (typing_.contains(user) || typing_.size() < kMaxUsers) {
    typing_[user] = {name.empty() ? user : name, now + kForgotten};
  }
}

void OthersTyping::forget_silent(Clock::time_point now) {
  std::erase_if(typing_, [&](const auto& one) { return one.second.until <= now; });
}

std::optional<OthersTyping::Clock::time_point> OthersTyping::deadline() const {
  std::optional<Clock::time_point> first;
  for (const auto& [user, one] : typing_) first = first ? std::min(*first, one.until) : one.until;
  return first;
}

std::string OthersTyping::text() const {
  if (typing_.empty()) return {};
  // A long name must not push what it does off the row.
  constexpr std::size_t kColumns = 24;
  const auto name_of = [&](const One& one, std::size_t columns) { return shorten(escape_for_terminal(one.name), columns); };
  const One& first = typing_.begin()->second;
  if (typing_.size() == 1) return name_of(first, kColumns) + " is typing…";
  if (typing_.size() == 2)
    return name_of(first, kColumns / 2) + " and " + name_of(std::next(typing_.begin())->second, kColumns / 2) + " are typing…";
  return std::to_string(typing_.size()) + " people are typing…";
}

}  // namespace hermes::chat
