// What a projector knows of itself, for health, metrics and the log. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "eventstore/log/event_log.h"

namespace hermes::projections {

struct StuckAt {
  eventstore::Offset offset = 0;
  std::string stream_id;
  std::string event_type;
  std::string reason;
};

struct PartitionStatus {
  eventstore::Offset next_offset = 0;
  eventstore::Offset head = 0;
  bool ahead_of_log = false;  // the checkpoint is past the head: the end of the log was removed
  double seconds_behind = 0;  // since the oldest waiting event was recorded; 0 if none waits
  std::optional<StuckAt> stuck;
};

struct ProjectionStatus {
  bool connected = false;
  std::string problem;                                          // why it is not; one line
  std::map<eventstore::Partition, PartitionStatus> partitions;  // those that this process owns
  std::uint64_t events = 0;                                     // folded since the start
  std::uint64_t batches = 0;
  double batch_seconds = 0;                          // spent in them
  std::uint64_t failures = 0;                        // transactions that had to be tried again
  std::chrono::steady_clock::time_point alive_at{};  // when the worker last went round its loop
};

// Changes what is shown, under the lock of whoever shows it.
using ReportStatus = std::function<void(const std::function<void(ProjectionStatus&)>& change)>;

}  // namespace hermes::projections
