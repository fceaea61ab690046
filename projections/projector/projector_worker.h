// Runs one projection: takes its share of the partitions by leases, folds what waits in them, sleeps until the log grows. One
// connection at a time; when the database goes away it connects again, with back-off, until it is told to stop.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>

#include "base/stop_signal.h"
#include "eventstore/postgres/connection.h"
#include "projections/projector/status.h"
#include "projections/read_models/projection.h"

namespace hermes::projections {

struct WorkerSettings {
  postgres::Settings postgres;  // the role is set by the worker
  std::string instance;         // unique among the processes that are alive
  // A dead owner's partitions move after this time, by the database's clock. Renewed three times within it.
  std::chrono::milliseconds lease{10'000};
  // How often to look for new events when no notification comes.
  std::chrono::milliseconds poll{1'000};
  // A transaction folds no more events than this: what a crash or a refused event makes it do again stays small.
  std::size_t batch_events_max = 10'000;
  // And no more payload: the memory of a batch, whatever the size of messages.
  std::size_t batch_payload_bytes_max = std::size_t{16} << 20;
  // A statement that lasts longer is cancelled, and the batch tried again in halves.
  std::chrono::milliseconds statement_longest{60'000};
  // How long an event that is too slow even alone waits for its next turn: its partition then has a minute of the worker's time
  // in five.
  std::chrono::milliseconds slow_event_pause{300'000};
};

class ProjectorWorker {
 public:
  // `projection` and `stop` must outlive the worker.
  ProjectorWorker(const Projection& projection, WorkerSettings settings, const StopSignal& stop);

  // Returns when stop is requested: the batch at hand is finished, the leases are released.
  void run();

  ProjectionStatus status() const;  // any thread
  std::string_view name() const { return projection_.name(); }

 private:
  const Projection& projection_;
  const WorkerSettings settings_;
  const StopSignal& stop_;
  mutable std::mutex mutex_;
  ProjectionStatus status_;
};

}  // namespace hermes::projections
