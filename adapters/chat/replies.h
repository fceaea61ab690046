// What the program itself says to its user: notes on the console. Counts what it could not do, for a script that cannot read
// why.
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "adapters/terminal/console.h"

namespace hermes::chat {

// "1 message", "2 messages".
inline std::string counted(std::size_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

class Replies {
 public:
  // Requires: the console outlives this.
  explicit Replies(terminal::Console& console) : console_(console) {}

  void say(std::string text) { console_.show({terminal::note(std::move(text))}); }
  // Why a line that was typed could not be carried out.
  void say_failed(std::string text) {
    ++failures_;
    say(std::move(text));
  }
  std::size_t failures() const { return failures_; }

 private:
  terminal::Console& console_;
  std::size_t failures_ = 0;
};

}  // namespace hermes::chat
