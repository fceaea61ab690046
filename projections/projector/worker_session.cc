#include "projections/projector/worker_session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "eventstore/log/event_reader.h"
#include "eventstore/postgres/failure.h"
#include "eventstore/postgres/server_message.h"
#include "projections/projector/share_plan.h"

namespace hermes::projections {
namespace {

using eventstore::Offset;
using eventstore::Partition;

// More waiting than this, and the next batch follows at once.
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
                             Suspects& suspects, ReportStatus report)
    : projection_(projection),
      settings_(settings),
      stop_(stop),
      suspects_(suspects),
      report_(std::move(report)),
      connection_(connect_or_throw(connection_settings(settings, projection))),
      keeper_(connection_settings(settings, projection), std::string(projection.name()), settings.instance, settings.lease),
      stuck_(*connection_, projection, settings, owned_, suspects, report_) {
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
  stuck_.stop_at_slow_events();
  look_for_skips();
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
    OwnedPartition& owned = owned_[partition];
    owned.next = row[1].as<Offset>();
    stuck_.forget_suspect_before(partition, owned.next);
    owned.recorded.reset();
    if (!row[2].is_null()) owned.recorded = row[2].as<Offset>();
    log_grew_ = true;  // look at what waits there
  }
}

void WorkerSession::look_for_skips() {
  {
    pqxx::nontransaction query(*connection_);
    skips_ = read_skips(query, projection_);
  }
  stuck_.go_on_where_passed(skips_);
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

bool WorkerSession::fold() {
  if (!log_grew_ && Clock::now() < next_look_) return false;
  log_grew_ = false;
  next_look_ = Clock::now() + settings_.poll;
  std::vector<Offset> heads;
  {
    pqxx::nontransaction query(*connection_);
    heads = eventstore::read_heads(*connection_);
  }
  report_heads(heads);
  const std::size_t waiting = events_waiting(heads);
  const std::vector<Share> asked =
      plan_shares(owned_, leases_->owned(), suspects_, heads, settings_.batch_events_max, Clock::now());
  if (asked.empty()) return false;

  const auto started = Clock::now();
  fold_batch(asked, started);
  const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
  report_([&](ProjectionStatus& status) { status.batch_seconds += seconds; });
  log_grew_ = true;  // what came in the meantime
  return waiting >= kManyWaiting;
}

void WorkerSession::report_heads(const std::vector<Offset>& heads) const {
  report_([&](ProjectionStatus& status) {
    for (auto& [partition, shown] : status.partitions) {
      shown.head = heads.at(static_cast<std::size_t>(partition));
      if (owned_.contains(partition)) shown.next_offset = owned_.at(partition).next;
      if (shown.next_offset >= shown.head) shown.seconds_behind = 0;
      shown.ahead_of_log = shown.next_offset > shown.head;
    }
  });
}

std::size_t WorkerSession::events_waiting(const std::vector<Offset>& heads) const {
  std::size_t waiting = 0;
  for (const auto& [partition, owned] : owned_) {
    if (!owned.stuck)
      waiting += static_cast<std::size_t>(std::max<Offset>(0, heads.at(static_cast<std::size_t>(partition)) - owned.next));
  }
  return waiting;
}

void WorkerSession::fold_batch(const std::vector<Share>& asked, Clock::time_point started) {
  try {
    moved(fold_keeping_leases(asked), asked);
  } catch (const LeaseLost& lost) {
    stuck_.cut_short(asked, started);
    for (Partition partition : lost.partitions) {
      spdlog::warn("{}: partition {} belongs to another projector now; this one's batch was refused", projection_.name(),
                   partition);
      leases_->lost(partition);
      owned_.erase(partition);
    }
    others_changed_ = true;
  } catch (const CannotApply& problem) {
    stuck_.stop_at(problem.position, problem.reason);
  } catch (const pqxx::sql_error& error) {
    const auto kind = eventstore::classify_sqlstate(error.sqlstate());
    if (kind == eventstore::DatabaseFailure::Kind::refused) {
      stuck_.refused(asked, postgres::first_line(error.what()));
    } else if (error.sqlstate() == kQueryCanceled) {
      stuck_.took_too_long(asked, started, postgres::first_line(error.what()));
      stuck_.stop_at_slow_events();
    } else {
      if (error.sqlstate() == kSessionEnded) stuck_.took_too_long(asked, started, postgres::first_line(error.what()));
      throw;
    }
  } catch (const pqxx::broken_connection&) {
    stuck_.cut_short(asked, started);
    throw;
  }
}

BatchDone WorkerSession::fold_keeping_leases(const std::vector<Share>& asked) {
  const LeaseKeeper::Batch kept(keeper_, leases_->owned());
  return fold_live_batch(*connection_, projection_, settings_.instance, asked, skips_, partition_count_,
                         {settings_.batch_payload_bytes_max});
}

void WorkerSession::moved(const BatchDone& done, const std::vector<Share>& asked) {
  std::uint64_t events = 0;
  for (const BatchDone::Moved& move : done.moved) {
    events += static_cast<std::uint64_t>(move.to - move.from);
    stuck_.folded_up_to(move.partition, move.to);
  }
  for (const eventstore::UnreadableEvent& event : done.unreadable) stuck_.stop_at(event.position, event.error.detail);
  stuck_.left_out(done.left_out);
  // The checkpoints are not where this session thought: a rebuild has moved them.
  if (done.moved.empty() && done.unreadable.empty() && done.left_out.empty() && !asked.empty()) read_checkpoints();
  report_([&](ProjectionStatus& status) {
    status.events += events;
    ++status.batches;
  });
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
