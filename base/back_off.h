// How long to wait before the next attempt: the time doubles from `first` to `longest`, with jitter, so that processes that
// lost the same server do not all come back at once. Not thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace hermes {

class BackOff {
 public:
  BackOff(std::chrono::milliseconds first, std::chrono::milliseconds longest, unsigned seed = std::random_device{}())
      : first_(first), longest_(longest), next_(first), random_(seed) {}

  // Between half of the step and the whole step.
  std::chrono::milliseconds next() {
    const auto step = next_;
    next_ = std::min(next_ * 2, longest_);
    return step / 2 + std::chrono::milliseconds(std::uniform_int_distribution<long>(0, step.count() / 2)(random_));
  }
  void reset() { next_ = first_; }

 private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds longest_;
  std::chrono::milliseconds next_;
  std::minstd_rand random_;
};

}  // namespace hermes
