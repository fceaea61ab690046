// Tells threads to stop. It is a descriptor, so that a thread can wait for it and for its connection in one poll().
#pragma once

#include <atomic>

#include "base/wake_up.h"

namespace hermes {

class StopSignal {
 public:
  void request();  // any thread, and a signal handler
  bool requested() const { return requested_.load(std::memory_order_relaxed); }
  int descriptor() const { return wake_up_.descriptor(); }  // readable for ever once requested

 private:
  std::atomic<bool> requested_{false};
  WakeUp wake_up_;
};

// Waits until `descriptor` (or none: -1) is readable, stop is requested or the time is up, whichever comes first.
void wait_for(const StopSignal& stop, int descriptor, int milliseconds);

}  // namespace hermes
