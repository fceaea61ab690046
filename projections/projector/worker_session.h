// A worker's work on one connection, from connecting to the first error that is not an event's own fault (worker.h).
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "projections/projector/lease_keeper.h"
#include "projections/projector/leases.h"
#include "projections/projector/live_batch.h"
#include "projections/projector/suspects.h"
#include "projections/projector/worker.h"

namespace hermes::projections {

class WorkerSession {
 public:
  using Report = std::function<void(const std::function<void(ProjectionStatus&)>&)>;

  // Connects. Throws std::runtime_error if that fails. `suspects` outlives the session: what it learns the next one knows.
  WorkerSession(const Projection& projection, const WorkerSettings& settings, const StopSignal& stop, Suspects& suspects,
                Report report);
  ~WorkerSession();

  // Works until stop is requested, then releases the leases. `on_success` is called after everything that went well. Throws
  // whatever ends the session.
  void run(const std::function<void()>& on_success);

 private:
  using Clock = std::chrono::steady_clock;

  // What this session knows of a partition that it owns. The checkpoint table is the truth; this only says what seems to wait.
  struct Owned {
    eventstore::Offset next = 0;
    std::optional<StuckAt> stuck;                // it stops here
    std::optional<eventstore::Offset> recorded;  // projection_stuck has a row for it, at this offset
  };

  void prepare_session();
  void tick();
  void read_checkpoints();
  void read_skips();
  void read_lag();
  std::vector<Share> shares(const std::vector<eventstore::Offset>& heads) const;
  bool fold();  // whether much is waiting still
  BatchDone fold_keeping_leases(const std::vector<Share>& asked);
  void moved(const BatchDone& done, const std::vector<Share>& asked);
  void refused(const std::vector<Share>& asked, const std::string& reason);
  void cut_short(const std::vector<Share>& asked, Clock::time_point started);
  void took_too_long(const std::vector<Share>& asked, Clock::time_point started, const std::string& reason);
  void leave_out(const std::vector<eventstore::Partition>& partitions);
  void forget_suspect_before(eventstore::Partition partition, eventstore::Offset next);
  void name_slow_events();
  void stop_at(eventstore::Position position, const std::string& reason);
  void resume(eventstore::Partition partition, Owned& owned, const char* why);
  void pause();
  void take_notifications();

  const Projection& projection_;
  const WorkerSettings& settings_;
  const StopSignal& stop_;
  Suspects& suspects_;
  std::set<eventstore::Partition> left_out_;  // told
  const Report report_;
  postgres::ConnectionPtr connection_;
  std::optional<Leases> leases_;
  LeaseKeeper keeper_;
  int partition_count_ = 0;
  std::map<eventstore::Partition, Owned> owned_;
  Skips skips_;
  Clock::time_point next_tick_{};
  Clock::time_point next_look_{};
  bool log_grew_ = true;
  bool others_changed_ = false;
  std::vector<std::unique_ptr<pqxx::notification_receiver>> receivers_;
};

}  // namespace hermes::projections
