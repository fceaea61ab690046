// What a worker's session knows of the partitions that it owns. The checkpoint table is the truth; this only says what seems to
// wait. Plain values.
#pragma once

#include <map>
#include <optional>

#include "projections/projector/status.h"

namespace hermes::projections {

struct OwnedPartition {
  eventstore::Offset next = 0;                   // the checkpoint
  std::optional<StuckAt> stuck{};                // it stops here
  std::optional<eventstore::Offset> recorded{};  // projection_stuck has a row for it, at this offset
};

using OwnedPartitions = std::map<eventstore::Partition, OwnedPartition>;

}  // namespace hermes::projections
