// One poll() for everything that a console waits for.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

namespace hermes::terminal {

struct Ready {
  bool input = false;
  bool signal = false;
  bool woken = false;     // one of the wake descriptors
  bool deadline = false;  // it has passed
};

// `input` and `signals` may be -1: not waited for. Throws std::system_error.
Ready wait_for_any(int input, int signals, const std::vector<int>& wake_descriptors,
                   std::optional<std::chrono::steady_clock::time_point> deadline);

}  // namespace hermes::terminal
