// How far something long has come, for whoever waits for it. Plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace hermes {

struct Progress {
  std::string_view of{};    // what the step is a step of; empty: of all that is being done
  std::string_view step{};  // "load"; static text, like `unit`
  std::uint64_t done = 0;
  std::uint64_t total = 0;  // 0: not known
  std::string_view unit{};  // of done and total: "events"
};

// Called now and then, and at every change of step.
using OnProgress = std::function<void(const Progress&)>;

}  // namespace hermes
