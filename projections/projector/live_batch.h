// One transaction of the live path: lock the checkpoints, read what waits, apply it, move the checkpoints, commit. All of it or
// nothing takes effect, so each event takes effect exactly once, whoever dies when.
//
// The checkpoints are locked before anything is written: of two processes that believe a partition theirs, the second leaves it
// out, and later finds the checkpoint where the first has left it. The lease is looked at twice: when the checkpoints are
// locked, and by the statement that moves them, last before the commit. So an owner that was paused in between writes nothing.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <vector>

#include "eventstore/log/range_reader.h"
#include "projections/projector/leases.h"
#include "projections/projector/skips.h"
#include "projections/read_models/projection.h"

namespace hermes::projections {

// What a batch may take of a partition.
struct Share {
  eventstore::Partition partition = 0;
  Epoch epoch = 0;
  eventstore::Offset end = 0;  // no event at or after it: the head, or where the partition is stuck
  std::size_t events_max = 0;
};

struct BatchLimits {
  std::size_t payload_bytes_max = 0;
};

// A partition's lease is not ours any more; nothing was written.
class LeaseLost : public std::runtime_error {
 public:
  explicit LeaseLost(std::vector<eventstore::Partition> which)
      : std::runtime_error("a lease was lost"), partitions(std::move(which)) {}
  std::vector<eventstore::Partition> partitions;
};

struct BatchDone {
  struct Moved {
    eventstore::Partition partition;
    eventstore::Offset from;
    eventstore::Offset to;  // the checkpoint now
  };
  std::vector<Moved> moved;
  std::vector<eventstore::UnreadableEvent> unreadable;
  std::vector<eventstore::Partition>
      left_out;  // their checkpoints are held by another session, or gone: nothing was folded of them
};

// Requires: no transaction is open; the partitions are distinct and ascending. Events in `skips` are passed over.
// Throws LeaseLost, CannotApply (nothing was written) and pqxx's exceptions.
BatchDone fold_live_batch(postgres::Connection& connection, const Projection& projection, std::string_view owner,
                          std::span<const Share> shares, const Skips& skips, int partition_count, BatchLimits limits);

// The event types that the projection has no use for, of all that this binary knows.
std::vector<std::string_view> unwanted_types(const Projection& projection);

}  // namespace hermes::projections
