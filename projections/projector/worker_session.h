// A worker's work on one connection, from connecting to the first error that is not an event's own fault (projector_worker.h).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "projections/projector/lease_keeper.h"
#include "projections/projector/leases.h"
#include "projections/projector/live_batch.h"
#include "projections/projector/owned_partitions.h"
#include "projections/projector/projector_worker.h"
#include "projections/projector/stuck_partitions.h"
#include "projections/projector/suspects.h"

namespace hermes::projections {

class WorkerSession {
 public:
  // Connects. Throws std::runtime_error if that fails. `suspects` outlives the session: what it learns the next one knows.
  WorkerSession(const Projection& projection, const WorkerSettings& settings, const StopSignal& stop, Suspects& suspects,
                ReportStatus report);
  ~WorkerSession();

  // Works until stop is requested, then releases the leases. `on_success` is called after everything that went well. Throws
  // whatever ends the session.
  void run(const std::function<void()>& on_success);

 private:
  using Clock = std::chrono::steady_clock;

  void prepare_session();
  void tick();
  void read_checkpoints();
  void look_for_skips();
  void read_lag();
  bool fold();  // whether much is waiting still
  void report_heads(const std::vector<eventstore::Offset>& heads) const;
  std::size_t events_waiting(const std::vector<eventstore::Offset>& heads) const;
  void fold_batch(const std::vector<Share>& asked, Clock::time_point started);
  BatchDone fold_keeping_leases(const std::vector<Share>& asked);
  void moved(const BatchDone& done, const std::vector<Share>& asked);
  void pause();
  void take_notifications();

  const Projection& projection_;
  const WorkerSettings& settings_;
  const StopSignal& stop_;
  Suspects& suspects_;
  const ReportStatus report_;
  postgres::ConnectionPtr connection_;
  std::optional<Leases> leases_;
  LeaseKeeper keeper_;
  int partition_count_ = 0;
  OwnedPartitions owned_;
  StuckPartitions stuck_;
  Skips skips_;
  Clock::time_point next_tick_{};
  Clock::time_point next_look_{};
  bool log_grew_ = true;
  bool others_changed_ = false;
  std::vector<std::unique_ptr<pqxx::notification_receiver>> receivers_;
};

}  // namespace hermes::projections
