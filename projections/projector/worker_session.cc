#include "projections/projector/worker_session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "eventstore/log/event_reader.h"
#include "eventstore/postgres/failure.h"
#include "eventstore/postgres/server_message.h"

namespace hermes::projections {
namespace {

using eventstore::Offset;
using eventstore::Partition;
using eventstore::Position;

// More waiting than this, and the next batch follows at once.
constexpr std::chrono::seconds kHeldCheckpointPause{1};
constexpr std::size_t kManyWaiting = 2'000;

postgres::Settings connection_settings(const WorkerSettings& settings, const Projection& projection) {
  postgres::Settings with_role = settings.postgres;
  with_role.role = "hermes_projector";
  with_role.application_name = "hermes project " + std::string(projection.name());
  return with_role;
}

postgres::ConnectionPtr connect_or_throw(const postgres::Settings& settings) {
  auto connection = postgres::connect(settings);
  if (!connection) throw std::runtime_error(connection.error().message);
  return std::move(*connection);
}

// How a batch that is too large ends: cancelled by a time-out (or a person), or its session ended by the next owner of its
// leases.
constexpr std::string_view kQueryCanceled = "57014";
constexpr std::string_view kSessionEnded = "57P01";

class Flag : public pqxx::notification_receiver {
 public:
  Flag(pqxx::connection_base& connection, std::string_view channel, bool& flag)
      : pqxx::notification_receiver(connection, std::string(channel)), own_pid_(connection.backendpid()), flag_(flag) {}
  void operator()(const std::string&, int backend_pid) override {
    if (backend_pid != own_pid_) flag_ = true;
  }

 private:
  int own_pid_;
  bool& flag_;
};

}  // namespace

WorkerSession::WorkerSession(const Projection& projection, const WorkerSettings& settings, const StopSignal& stop,
                             Suspects& suspects, Report report)
    : projection_(projection),
      settings_(settings),
      stop_(stop),
      suspects_(suspects),
      report_(std::move(report)),
      connection_(connect_or_throw(connection_settings(settings, projection))),
      keeper_(connection_settings(settings, projection), std::string(projection.name()), settings.instance, settings.lease) {
  prepare_session();
  leases_.emplace(*connection_, std::string(projection.name()), settings.instance, settings.lease);
}

WorkerSession::~WorkerSession() = default;

void WorkerSession::prepare_session() {
  pqxx::work transaction(*connection_);
  // The checkpoint and the rows are in one transaction: if the server loses the last few in a crash, they are folded again.
  transaction.exec("SET synchronous_commit = off");
  // Statements are planned when tables may be young and empty; a plan that reads all of a table must not outlive that.
  transaction.exec("SET enable_seqscan = off");
  transaction.exec("SET enable_bitmapscan = off");
  // A process that stands still in a transaction must not hold its locks for longer than its lease; a statement that hangs must
  // not hang for ever. One that waits for a lock is told apart (55P03): a smaller batch would wait as long.
  transaction.exec("SET idle_in_transaction_session_timeout = " + std::to_string(settings_.lease.count()));
  transaction.exec("SET statement_timeout = " + std::to_string(settings_.statement_longest.count()));
  transaction.exec("SET lock_timeout = " + std::to_string(settings_.statement_longest.count() / 2));
  const auto may_skip_checks =
      transaction.exec("SELECT current_setting('server_version_num')::integer >= 150000")[0][0].as<bool>() &&
      transaction.exec("SELECT has_parameter_privilege(current_user, 'session_replication_role', 'SET')")[0][0].as<bool>();
  // What foreign keys check row by row the projections check by batch (chat.cc).
  if (may_skip_checks) transaction.exec("SET session_replication_role = replica");
  partition_count_ = transaction.exec("SELECT partition_count FROM event_log_settings")[0][0].as<int>();
  for (const char* table : {"projection_checkpoints", "projection_leases"}) {
    transaction.exec_params("INSERT INTO " + std::string(table) +
                                " (projection, partition) SELECT $1, partition FROM event_log_heads ON CONFLICT DO NOTHING",
                            std::string(projection_.name()));
  }
  transaction.commit();
  receivers_.push_back(std::make_unique<Flag>(*connection_, eventstore::kNotificationChannel, log_grew_));
  receivers_.push_back(std::make_unique<Flag>(*connection_, kProjectorsChannel, others_changed_));
}

void WorkerSession::run(const std::function<void()>& on_success) {
  tick();
  spdlog::info("{}: connected, working on {} of {} partitions", projection_.name(), owned_.size(), partition_count_);
  report_([](ProjectionStatus& status) {
    status.connected = true;
    status.problem.clear();
  });
  while (!stop_.requested()) {
    if (others_changed_ || Clock::now() >= next_tick_) tick();
    const bool much_waiting = fold();
    on_success();
    report_([](ProjectionStatus& status) { status.alive_at = Clock::now(); });
    if (!much_waiting) pause();
  }
  leases_->release();
  spdlog::info("{}: leases released", projection_.name());
}

void WorkerSession::tick() {
  others_changed_ = false;
  next_tick_ = Clock::now() + settings_.lease / 3;
  const std::size_t before = owned_.size();
  leases_->renew();
  // Who renews in time has two thirds of its lease left when we look; so this comes first only if somebody is late.
  if (const auto expiry = leases_->next_expiry_of_others()) next_tick_ = std::min(next_tick_, Clock::now() + *expiry);
  read_checkpoints();
  name_slow_events();
  read_skips();
  read_lag();
  if (owned_.size() != before)
    spdlog::info("{}: now working on {} of {} partitions", projection_.name(), owned_.size(), partition_count_);
}

void WorkerSession::read_checkpoints() {
  std::erase_if(owned_, [&](const auto& entry) { return !leases_->owned().contains(entry.first); });
  pqxx::nontransaction query(*connection_);
  const pqxx::result rows = query.exec_params(
      "SELECT checkpoint.partition, checkpoint.next_offset, stuck.\"offset\" FROM projection_checkpoints checkpoint "
      "LEFT JOIN projection_stuck stuck USING (projection, partition) WHERE projection = $1",
      std::string(projection_.name()));
  for (const auto& row : rows) {
    const auto partition = row[0].as<Partition>();
    if (!leases_->owned().contains(partition)) continue;
    Owned& owned = owned_[partition];
    owned.next = row[1].as<Offset>();
    forget_suspect_before(partition, owned.next);
    owned.recorded.reset();
    if (!row[2].is_null()) owned.recorded = row[2].as<Offset>();
    log_grew_ = true;  // look at what waits there
  }
}

void WorkerSession::read_skips() {
  Skips skips;
  {
    pqxx::nontransaction query(*connection_);
    for (const auto& row : query.exec_params("SELECT partition, \"offset\" FROM projection_skips WHERE projection = $1",
                                             std::string(projection_.name()))) {
      skips.insert({row[0].as<Partition>(), row[1].as<Offset>()});
    }
  }
  skips_ = std::move(skips);
  for (auto& [partition, owned] : owned_) {
    if (owned.stuck && skips_.contains({partition, owned.stuck->offset}))
      resume(partition, owned, "an operator skipped the event");
    // A rebuild has gone past it, or behind it.
    if (owned.stuck && owned.stuck->offset != owned.next) resume(partition, owned, "the checkpoint was moved");
  }
}

void WorkerSession::read_lag() {
  pqxx::nontransaction query(*connection_);
  const pqxx::result rows = query.exec_params("SELECT partition, seconds_behind FROM projection_lag WHERE projection = $1",
                                              std::string(projection_.name()));
  std::map<Partition, double> seconds;
  for (const auto& row : rows) seconds[row[0].as<Partition>()] = row[1].as<double>();
  report_([&](ProjectionStatus& status) {
    std::erase_if(status.partitions, [&](const auto& entry) { return !owned_.contains(entry.first); });
    for (const auto& [partition, owned] : owned_) {
      PartitionStatus& shown = status.partitions[partition];
      shown.next_offset = owned.next;
      shown.stuck = owned.stuck;
      shown.seconds_behind = seconds[partition];
    }
  });
}

std::vector<Share> WorkerSession::shares(const std::vector<Offset>& heads) const {
  struct Waiting {
    Share share;
    std::size_t events;
  };
  std::vector<Waiting> waiting;
  for (const auto& [partition, owned] : owned_) {
    const auto suspect = suspects_.find(partition);
    const bool is_suspect = suspect != suspects_.end();
    if (is_suspect ? Clock::now() < suspect->second.not_before : owned.stuck.has_value()) continue;
    const Offset head = heads.at(static_cast<std::size_t>(partition));
    if (head <= owned.next) continue;
    const Share share{partition, leases_->owned().at(partition), head, 0};
    const auto events = static_cast<std::size_t>(head - owned.next);
    if (is_suspect) return {Share{share.partition, share.epoch, head, std::min(events, suspect->second.events_max)}};
    waiting.push_back({share, events});
  }
  // The least first: what they leave of their part goes to those with more.
  std::ranges::sort(waiting, {}, &Waiting::events);
  std::size_t left = settings_.batch_events_max;
  std::size_t to_come = waiting.size();
  std::vector<Share> shares;
  for (Waiting& one : waiting) {
    one.share.events_max = std::min(one.events, std::max<std::size_t>(1, left / to_come--));
    left -= std::min(left, one.share.events_max);
    shares.push_back(one.share);
  }
  std::ranges::sort(shares, {}, &Share::partition);
  return shares;
}

bool WorkerSession::fold() {
  if (!log_grew_ && Clock::now() < next_look_) return false;
  log_grew_ = false;
  next_look_ = Clock::now() + settings_.poll;
  std::vector<Offset> heads;
  {
    pqxx::nontransaction query(*connection_);
    heads = eventstore::read_heads(*connection_);
  }
  std::size_t waiting = 0;
  for (const auto& [partition, owned] : owned_) {
    if (!owned.stuck)
      waiting += static_cast<std::size_t>(std::max<Offset>(0, heads.at(static_cast<std::size_t>(partition)) - owned.next));
  }
  report_([&](ProjectionStatus& status) {
    for (auto& [partition, shown] : status.partitions) {
      shown.head = heads.at(static_cast<std::size_t>(partition));
      if (owned_.contains(partition)) shown.next_offset = owned_.at(partition).next;
      if (shown.next_offset >= shown.head) shown.seconds_behind = 0;
      shown.ahead_of_log = shown.next_offset > shown.head;
    }
  });
  const std::vector<Share> asked = shares(heads);
  if (asked.empty()) return false;

  const auto started = Clock::now();
  try {
    moved(fold_keeping_leases(asked), asked);
  } catch (const LeaseLost& lost) {
    cut_short(asked, started);
    for (Partition partition : lost.partitions) {
      spdlog::warn("{}: partition {} belongs to another projector now; this one's batch was refused", projection_.name(),
                   partition);
      leases_->lost(partition);
      owned_.erase(partition);
    }
    others_changed_ = true;
  } catch (const CannotApply& problem) {
    stop_at(problem.position, problem.reason);
  } catch (const pqxx::sql_error& error) {
    const auto kind = eventstore::classify_sqlstate(error.sqlstate());
    if (kind == eventstore::DatabaseFailure::Kind::refused) {
      refused(asked, postgres::first_line(error.what()));
    } else if (error.sqlstate() == kQueryCanceled) {
      took_too_long(asked, started, postgres::first_line(error.what()));
      name_slow_events();
    } else {
      if (error.sqlstate() == kSessionEnded) took_too_long(asked, started, postgres::first_line(error.what()));
      throw;
    }
  } catch (const pqxx::broken_connection&) {
    cut_short(asked, started);
    throw;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
  report_([&](ProjectionStatus& status) { status.batch_seconds += seconds; });
  log_grew_ = true;  // what came in the meantime
  return waiting >= kManyWaiting;
}

BatchDone WorkerSession::fold_keeping_leases(const std::vector<Share>& asked) {
  const LeaseKeeper::Batch kept(keeper_, leases_->owned());
  return fold_live_batch(*connection_, projection_, settings_.instance, asked, skips_, partition_count_,
                         {settings_.batch_payload_bytes_max});
}

void WorkerSession::moved(const BatchDone& done, const std::vector<Share>& asked) {
  std::uint64_t events = 0;
  for (const BatchDone::Moved& move : done.moved) {
    Owned& owned = owned_.at(move.partition);
    owned.next = move.to;
    left_out_.erase(move.partition);
    events += static_cast<std::uint64_t>(move.to - move.from);
    forget_suspect_before(move.partition, owned.next);
    if (owned.recorded && owned.next > *owned.recorded) resume(move.partition, owned, "the event could be applied");
  }
  for (const eventstore::UnreadableEvent& event : done.unreadable) stop_at(event.position, event.error.detail);
  leave_out(done.left_out);
  // The checkpoints are not where this session thought: a rebuild has moved them.
  if (done.moved.empty() && done.unreadable.empty() && done.left_out.empty() && !asked.empty()) read_checkpoints();
  report_([&](ProjectionStatus& status) {
    status.events += events;
    ++status.batches;
  });
}

// Their checkpoints are held by somebody else: a former owner that is still at it, or an operator. They are tried again, each
// alone.
void WorkerSession::leave_out(const std::vector<Partition>& partitions) {
  for (const Partition partition : partitions) {
    suspects_[partition].not_before = Clock::now() + kHeldCheckpointPause;
    if (left_out_.insert(partition).second) {
      spdlog::warn("{}: the checkpoint of partition {} is held by another session, or missing. The other partitions go on",
                   projection_.name(), partition);
    }
  }
}

void WorkerSession::forget_suspect_before(Partition partition, Offset next) {
  const auto suspect = suspects_.find(partition);
  if (suspect != suspects_.end() && next >= suspect->second.until) suspects_.erase(suspect);
}

// The database refused the batch for its data, without saying for which event.
void WorkerSession::refused(const std::vector<Share>& asked, const std::string& reason) {
  for (const Share& share : asked) {
    const Offset next = owned_.at(share.partition).next;
    if (narrow(suspects_, share, next, asked.size() == 1)) continue;
    suspects_.erase(share.partition);
    stop_at({share.partition, next}, reason);
  }
  report_([](ProjectionStatus& status) { ++status.failures; });
}

// The batch was cut short. It is tried again after as long as it took, so that the other partitions have half of the time.
void WorkerSession::cut_short(const std::vector<Share>& asked, Clock::time_point started) {
  const auto now = Clock::now();
  for (const Share& share : asked) {
    narrow(suspects_, share, owned_.at(share.partition).next, asked.size() == 1);
    suspects_.at(share.partition).not_before = now + std::min<Clock::duration>(now - started, settings_.statement_longest);
  }
  report_([](ProjectionStatus& status) { ++status.failures; });
}

// ... by a time-out, or by the next owner of a lease that had run out: it was too slow, as far as can be told.
void WorkerSession::took_too_long(const std::vector<Share>& asked, Clock::time_point started, const std::string& reason) {
  spdlog::warn("{}: a batch took too long and is tried again in smaller ones: {}", projection_.name(), reason);
  cut_short(asked, started);
  if (asked.size() > 1 || asked.front().events_max > 1) return;
  Suspect& suspect = suspects_.at(asked.front().partition);
  const Offset next = owned_.at(asked.front().partition).next;
  suspect.slow_tries = suspect.slow_at == next ? suspect.slow_tries + 1 : 1;
  suspect.slow_at = next;
  suspect.reason = "too slow, tried again every now and then: " + reason;
  if (suspect.is_too_slow_at(next)) suspect.not_before = Clock::now() + settings_.slow_event_pause;
}

// Single events that are too slow stop their partition, though not for good: whatever made them slow may pass.
void WorkerSession::name_slow_events() {
  for (const auto& [partition, owned] : owned_) {
    const auto suspect = suspects_.find(partition);
    if (suspect == suspects_.end() || !suspect->second.is_too_slow_at(owned.next) || owned.stuck) continue;
    stop_at({partition, owned.next}, suspect->second.reason);
  }
}

// Stops the partition before this event. What comes before it is folded first; only then the partition is stuck.
void WorkerSession::stop_at(Position position, const std::string& reason) {
  Owned& owned = owned_.at(position.partition);
  if (position.offset > owned.next) {
    suspects_[position.partition] = {position.offset + 1, static_cast<std::size_t>(position.offset - owned.next)};
    return;
  }
  pqxx::work transaction(*connection_);
  const pqxx::result rows = transaction.exec_params(
      "INSERT INTO projection_stuck (projection, partition, \"offset\", stream_id, event_type, reason) "
      "SELECT $1, partition, \"offset\", stream_id, event_type, $4 FROM event_log WHERE partition = $2 AND \"offset\" = $3 "
      "ON CONFLICT (projection, partition) DO UPDATE SET \"offset\" = excluded.\"offset\", stream_id = excluded.stream_id, "
      "event_type = excluded.event_type, reason = excluded.reason, "
      "since = CASE WHEN projection_stuck.\"offset\" = excluded.\"offset\" THEN projection_stuck.since ELSE excluded.since END "
      "RETURNING stream_id, event_type",
      std::string(projection_.name()), position.partition, position.offset, reason);
  transaction.commit();
  owned.recorded = position.offset;
  owned.stuck = StuckAt{position.offset, rows.at(0)[0].c_str(), rows.at(0)[1].c_str(), reason};
  spdlog::error(
      "{0}: stuck at {1} ({2} of {3}): {4}. The other partitions go on. To leave the event out: hermes project {0} --skip {1} "
      "--reason ...",
      projection_.name(), eventstore::to_string(position), owned.stuck->event_type, owned.stuck->stream_id, reason);
  report_([&](ProjectionStatus& status) { status.partitions[position.partition].stuck = owned.stuck; });
}

void WorkerSession::resume(Partition partition, Owned& owned, const char* why) {
  pqxx::work transaction(*connection_);
  transaction.exec_params("DELETE FROM projection_stuck WHERE projection = $1 AND partition = $2",
                          std::string(projection_.name()), partition);
  transaction.commit();
  owned.stuck.reset();
  owned.recorded.reset();
  suspects_.erase(partition);
  report_([&](ProjectionStatus& status) { status.partitions[partition].stuck.reset(); });
  spdlog::info("{}: partition {} is not stuck any more: {}", projection_.name(), partition, why);
}

void WorkerSession::take_notifications() {
  if (connection_->get_notifs() < 0) throw std::runtime_error("cannot read notifications");
}

void WorkerSession::pause() {
  using std::chrono::milliseconds;
  if (log_grew_) {
    // A little is waiting, or has just been folded: a rest, so that more comes together.
    wait_for(stop_, -1, static_cast<int>(projection_.rest().count()));
    take_notifications();
    return;
  }
  take_notifications();
  if (log_grew_ || others_changed_) return;
  const auto until = std::min(next_tick_, next_look_) - Clock::now();
  const auto limit = std::chrono::duration_cast<milliseconds>(until) + milliseconds(1);
  wait_for(stop_, connection_->socket(), static_cast<int>(std::max<long>(0, limit.count())));
  take_notifications();
}

}  // namespace hermes::projections
