// What becomes of a partition whose batch failed. The range is narrowed down, so that the other partitions go on (suspects.h),
// until the one event is found that is to blame: it stops its partition and is recorded in projection_stuck for the operator,
// until it could be applied, was skipped, or the checkpoint was moved past it.
//
// One per session. Not thread-safe. Functions that record throw pqxx's exceptions; those require that no transaction is open.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "projections/projector/live_batch.h"
#include "projections/projector/owned_partitions.h"
#include "projections/projector/projector_worker.h"
#include "projections/projector/suspects.h"

namespace hermes::projections {

class StuckPartitions {
 public:
  using Clock = Suspect::Clock;

  // Requires: all of them outlive this; `owned` has every partition that a function names.
  StuckPartitions(postgres::Connection& connection, const Projection& projection, const WorkerSettings& settings,
                  OwnedPartitions& owned, Suspects& suspects, const ReportStatus& report);

  // The database refused the batch for its data, without saying for which event.
  void refused(const std::vector<Share>& asked, const std::string& reason);

  // The batch, begun at `started`, was cut short. It is tried again after as long as it took, so that the other partitions have
  // half of the time.
  void cut_short(const std::vector<Share>& asked, Clock::time_point started);

  // ... by a time-out, or by the next owner of a lease that had run out: it was too slow, as far as can be told. An event that
  // is so again and again is only noted here: the session may be over. See stop_at_slow_events().
  void took_too_long(const std::vector<Share>& asked, Clock::time_point started, const std::string& reason);

  // Their checkpoints are held by somebody else: a former owner that is still at it, or an operator. They are tried again, each
  // alone.
  void left_out(const std::vector<eventstore::Partition>& partitions);

  // Stops the partition before this event. What comes before it is folded first; only then the partition is stuck.
  void stop_at(eventstore::Position position, const std::string& reason);

  // Single events that are too slow stop their partition, though not for good: whatever made them slow may pass.
  void stop_at_slow_events();

  // A checkpoint stands here: what was suspected before it is forgotten.
  void forget_suspect_before(eventstore::Partition partition, eventstore::Offset next);

  // The batch folded the partition up to its checkpoint `next`.
  void folded_up_to(eventstore::Partition partition, eventstore::Offset next);

  // Goes on where the event was skipped, or the checkpoint is elsewhere: a rebuild has gone past it, or behind it.
  void go_on_where_passed(const Skips& skips);

 private:
  void resume(eventstore::Partition partition, OwnedPartition& owned, const char* why);

  postgres::Connection& connection_;
  const Projection& projection_;
  const WorkerSettings& settings_;
  OwnedPartitions& owned_;
  Suspects& suspects_;
  const ReportStatus& report_;
  std::set<eventstore::Partition> left_out_;  // told
};

}  // namespace hermes::projections
