// The times of arrival: a clock that always advances and never goes back, however the wall clock is set. Its times order a
// conversation (docs/event-log.md, "Order"), so no two records share one.
//
// next() belongs to one thread; latest() may be called from any.
#pragma once

#include <algorithm>
#include <atomic>

#include "base/timestamp.h"

namespace hermes::spool {

class ArrivalClock {
 public:
  // `latest`: the latest time given out before, also by another process; Timestamp::min() if there is none.
  explicit ArrivalClock(Timestamp latest) : latest_(latest) {}

  // `now`, or a microsecond after the last time given out, if the wall clock is not past that yet.
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
