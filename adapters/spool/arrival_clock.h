// When records arrive: a clock that never stands still and never goes back, however the wall clock is set. What it gives is the
// order of a conversation (docs/event-log.md, "Order"), so two records never share a time.
//
// next() belongs to one thread; latest() may be called from any.
#pragma once

#include <algorithm>
#include <atomic>

#include "base/timestamp.h"

namespace hermes::spool {

class ArrivalClock {
 public:
  // `latest`: the last time that was given before, by another process too; Timestamp::min() if none was.
  explicit ArrivalClock(Timestamp latest) : latest_(latest) {}

  // `now`, or a microsecond after the last time given where the wall clock is not past that yet.
  Timestamp next(Timestamp now) {
    const Timestamp time = std::max(now, latest() + std::chrono::microseconds(1));
    latest_ = time;
    return time;
  }

  Timestamp latest() const { return latest_; }

 private:
  std::atomic<Timestamp> latest_;
};

}  // namespace hermes::spool
