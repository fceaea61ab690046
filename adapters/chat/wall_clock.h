// The time that messages and receipts carry. How long something takes is measured by std::chrono::steady_clock: this clock may
// be set.
#pragma once

#include <chrono>

#include "domain/timestamp.h"

namespace hermes::chat {

inline domain::Timestamp wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace hermes::chat
