#include "projections/stop_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace hermes::projections {

StopSignal::StopSignal() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

StopSignal::~StopSignal() { close(descriptor_); }

void StopSignal::request() noexcept {
  requested_.store(true, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  // It fails only if the counter is full: then the descriptor is readable already.
  [[maybe_unused]] const auto written = write(descriptor_, &one, sizeof(one));
}

void wait_for(const StopSignal& stop, int descriptor, int milliseconds) {
  pollfd ready[2] = {{stop.descriptor(), POLLIN, 0}, {descriptor, POLLIN, 0}};
  // An interrupted or failed wait only means that the caller looks around early.
  [[maybe_unused]] const int count = poll(ready, descriptor < 0 ? 1 : 2, milliseconds);
}

}  // namespace hermes::projections
