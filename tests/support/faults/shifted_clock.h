// A wall clock that jumps, for all processes that are started while it lives: servers, services and clients of a test. This
// process keeps the real one. (A library between them and libc, shifted_clock_preload.cc; a test that uses this links
// hermes::shifted_clock.)
#pragma once

#include <chrono>

#include "tests/support/servers.h"

namespace hermes::test_support {

class ShiftedClock {
 public:
  ShiftedClock();
  ~ShiftedClock();
  ShiftedClock(const ShiftedClock&) = delete;

  // How far ahead of the real time it is from now on; negative: behind.
  void set_ahead(std::chrono::seconds by);

 private:
  TemporaryFolder folder_;
};

}  // namespace hermes::test_support
