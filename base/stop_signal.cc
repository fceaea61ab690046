#include "base/stop_signal.h"

#include <poll.h>

namespace hermes {

void StopSignal::request() {
  requested_.store(true, std::memory_order_relaxed);
  wake_up_.set();
}

void wait_for(const StopSignal& stop, int descriptor, int milliseconds) {
  pollfd ready[2] = {{stop.descriptor(), POLLIN, 0}, {descriptor, POLLIN, 0}};
  // An interrupted or failed wait only means that the caller looks around early.
  [[maybe_unused]] const int count = poll(ready, descriptor < 0 ? 1 : 2, milliseconds);
}

}  // namespace hermes
