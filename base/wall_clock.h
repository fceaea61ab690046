// The time that messages and receipts carry. How long something takes is measured by std::chrono::steady_clock: this clock may
// be set.
#pragma once

#include <chrono>

#include "base/timestamp.h"

namespace hermes {

inline Timestamp wall_clock() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

}  // namespace hermes
