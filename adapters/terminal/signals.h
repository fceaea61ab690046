// The signals that a console handles, as a descriptor for poll(). They are blocked for this thread and those it starts later: a
// console killed by one would leave the terminal in raw mode.
#pragma once

#include <optional>

namespace hermes::terminal {

class Signals {
 public:
  Signals();   // blocks SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH. Throws std::system_error.
  ~Signals();  // restores the former mask
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int descriptor() const { return descriptor_; }
  // The next signal that has come, if any.
  std::optional<int> take();

 private:
  int descriptor_;
};

}  // namespace hermes::terminal
