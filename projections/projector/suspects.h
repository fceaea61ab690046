// Ranges of the log whose batches failed, and in how small pieces they are folded from now on: each partition goes alone, in
// halves of what failed, until what is wrong is alone too. Known for as long as the worker runs, for what fails may end the
// session.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "projections/projector/live_batch.h"

namespace hermes::projections {

struct Suspect {
  using Clock = std::chrono::steady_clock;

  eventstore::Offset until = 0;  // the culprit is before it
  std::size_t events_max = 1;
  Clock::time_point not_before{};  // until then the other partitions go on

  // An event that has taken too long even alone, how often, and how that showed.
  eventstore::Offset slow_at = -1;
  int slow_tries = 0;
  std::string reason{};

  // A database that restarts ends a session once, and an event that happens to be alone then is not slow.
  static constexpr int kTriesBeforeNamed = 3;
  bool is_too_slow_at(eventstore::Offset offset) const { return slow_at == offset && slow_tries >= kTriesBeforeNamed; }
};

using Suspects = std::map<eventstore::Partition, Suspect>;

// A batch of `share`, from offset `next`, has failed. `alone`: no other partition was in it. Returns nothing if it was one
// event.
inline Suspect* narrow(Suspects& suspects, const Share& share, eventstore::Offset next, bool alone) {
  const auto [found, is_new] = suspects.try_emplace(share.partition);
  Suspect& suspect = found->second;
  if (is_new) suspect.until = next + static_cast<eventstore::Offset>(share.events_max);
  const bool is_one_event = alone && share.events_max == 1;
  suspect.events_max = alone ? std::max<std::size_t>(1, share.events_max / 2) : share.events_max;
  return is_one_event ? nullptr : &suspect;
}

}  // namespace hermes::projections
