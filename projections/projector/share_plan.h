// What the next batch of a worker takes: who takes how many events. No I/O, no clock.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "projections/projector/live_batch.h"
#include "projections/projector/owned_partitions.h"
#include "projections/projector/suspects.h"

namespace hermes::projections {

// A suspect whose time has come goes alone, in as small a piece as it was narrowed to. Otherwise all partitions where something
// waits and that are neither stuck nor suspect share `events_max`, equally; what one leaves of its part goes to those with
// more. Each gets one event at least. Ascending by partition; empty when nothing can be folded.
//
// Requires: `heads` has the head of every partition; `epochs` has each owned one.
std::vector<Share> plan_shares(const OwnedPartitions& owned, const std::map<eventstore::Partition, Epoch>& epochs,
                               const Suspects& suspects, std::span<const eventstore::Offset> heads, std::size_t events_max,
                               Suspect::Clock::time_point now);

}  // namespace hermes::projections
