// The line being typed on a terminal that cannot move its cursor. The kernel could edit it too, but would not tell its text,
// and entries would be printed behind it. So it is kept here, and drawn again below an entry. Pure.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace hermes::terminal {

class TypedLine {
 public:
  // Takes keys; returns the text to write for them. Return ends the line, Backspace takes the last character back, Ctrl-U the
  // whole line, and Ctrl-D on an empty line ends the input. Other control characters do nothing.
  std::string take(std::string_view keys);

  std::optional<std::string> next();  // a line that Return has ended
  const std::string& text() const { return text_; }
  bool at_end() const { return at_end_ && ended_.empty(); }

 private:
  std::string take_back_one();

  std::string text_;
  std::deque<std::string> ended_;
  bool at_end_ = false;
};

}  // namespace hermes::terminal
