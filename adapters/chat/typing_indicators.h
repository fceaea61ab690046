// Who is typing: the indicators that go out by themselves while the user types, and those of others as they come in.
//
// Pure but for what the caller passes in; clocks are arguments.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hermes::chat {

// Out: started when somebody is being written to, repeated now and then (who opens a client meanwhile, or lost the first one,
// sees it too), stopped after a pause, with the message, or when the line is about somebody else.
class OwnTyping {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kPause{3};
  static constexpr std::chrono::seconds kRepeat{5};

  struct Change {
    std::string receiver;
    bool is_typing;
    bool operator==(const Change&) const = default;
  };

  // The line was edited; `receiver` is whom it is for, if that is clear. Returns what to publish, in order.
  std::vector<Change> edited(const std::optional<std::string>& receiver, Clock::time_point now);
  // Requires: now >= *deadline().
  std::vector<Change> paused();
  std::optional<Clock::time_point> deadline() const;

 private:
  std::string receiver_;  // empty: nobody is told anything
  Clock::time_point last_edit_{};
  Clock::time_point last_told_{};
};

// In: shown until stopped, until their message is there, or until nothing was heard for a while (their client may have died).
class OthersTyping {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kForgotten{10};
  static constexpr std::size_t kMaxUsers = 100;

  void changed(const std::string& user, const std::string& name, bool is_typing, Clock::time_point now);
  void sent_a_message(const std::string& user) { typing_.erase(user); }
  void forget_silent(Clock::time_point now);
  std::optional<Clock::time_point> deadline() const;
  std::string text() const;  // "David is typing…", "David and Eva are typing…", "3 people are typing…", or empty

 private:
  struct One {
    std::string name;
    Clock::time_point until;
  };
  std::map<std::string, One> typing_;
};

}  // namespace hermes::chat
