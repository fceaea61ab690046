// The time that messages and receipts carry. Measure durations with std::chrono::steady_clock instead: somebody may set this
// clock.
#pragma once

#include <chrono>

#include "base/timestamp.h"

namespace hermes {

inline Timestamp wall_clock() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

}  // namespace hermes
