// The signals a console handles, as a descriptor for poll(). They are blocked for this thread and for those it starts later; a
// console that dies by one would leave the terminal in raw mode.
#pragma once

#include <optional>

namespace hermes::terminal {

class Signals {
 public:
  Signals();   // blocks SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH. Throws std::system_error.
  ~Signals();  // as it was before
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int descriptor() const { return descriptor_; }
  // The next signal that came, if one did.
  std::optional<int> take();

 private:
  int descriptor_;
};

}  // namespace hermes::terminal
