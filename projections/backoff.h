// How long to wait before the next try: twice as long each time, up to a limit, with jitter, so that several processes that lost
// the same database do not all come back in the same instant.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace hermes::projections {

class Backoff {
 public:
  static constexpr std::chrono::milliseconds kFirst{100};
  // Long enough to leave a database that starts up in peace, short enough that an operator need not wait for it.
  static constexpr std::chrono::milliseconds kLast{5'000};

  std::chrono::milliseconds next() {
    const std::chrono::milliseconds full = next_;
    next_ = std::min(2 * next_, kLast);
    std::uniform_int_distribution<long> jitter(full.count() / 2, full.count());
    return std::chrono::milliseconds(jitter(random_));
  }
  void reset() { next_ = kFirst; }

 private:
  std::chrono::milliseconds next_ = kFirst;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace hermes::projections
