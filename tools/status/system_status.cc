#include "tools/status/system_status.h"

#include <algorithm>
#include <map>

#include "eventstore/log/log_guards.h"

namespace hermes::projections {
namespace {

Timestamp time(const pqxx::field& microseconds) {
  return Timestamp(std::chrono::microseconds(microseconds.as<std::int64_t>()));
}

std::string microseconds(const std::string& expression) { return "(extract(epoch FROM " + expression + ") * 1000000)::bigint"; }

std::vector<ServiceStatus> read_services(pqxx::transaction_base& transaction) {
  std::vector<ServiceStatus> services;
  for (const auto& row : transaction.exec(
           "SELECT service, instance, host, pid, version, state, problem, details::text, " + microseconds("started_at") + ", " +
           microseconds("beat_at") + ", " + microseconds("clock_timestamp() - beat_at") +
           ", state <> 'stopped' AND beat_at > clock_timestamp() - 3 * interval_seconds * interval '1 second'"
           ", CASE WHEN jsonb_typeof(details->'spool_age_seconds') = 'number' THEN (details->'spool_age_seconds')::float8 ELSE "
           "0 END, CASE WHEN jsonb_typeof(details->'stuck_partitions') = 'number' THEN (details->'stuck_partitions')::integer "
           "ELSE 0 END"
           " FROM service_heartbeats ORDER BY service, instance")) {
    ServiceStatus service;
    service.service = row[0].as<std::string>();
    service.instance = row[1].as<std::string>();
    service.host = row[2].as<std::string>();
    service.pid = row[3].as<int>();
    service.version = row[4].as<std::string>();
    service.state = row[5].as<std::string>();
    service.problem = row[6].as<std::string>();
    service.details = row[7].as<std::string>();
    service.started_at = time(row[8]);
    service.beat_at = time(row[9]);
    service.silent_for = std::chrono::microseconds(row[10].as<std::int64_t>());
    service.live = row[11].as<bool>();
    service.seconds_behind = row[12].as<double>();
    service.stuck_partitions = row[13].as<int>();
    services.push_back(std::move(service));
  }
  return services;
}

LogStatus read_log(pqxx::transaction_base& transaction) {
  LogStatus log;
  for (const auto& row : transaction.exec("SELECT partition, next_offset, parked, CASE WHEN isfinite(last_recorded_at) THEN " +
                                          microseconds("last_recorded_at") + " END FROM event_log_heads ORDER BY partition")) {
    log.partitions.push_back({row[0].as<eventstore::Partition>(), row[1].as<eventstore::Offset>(), row[2].as<std::int64_t>()});
    log.events += log.partitions.back().next_offset;
    if (!row[3].is_null()) log.last_recorded_at = std::max(log.last_recorded_at.value_or(Timestamp::min()), time(row[3]));
  }
  log.missing_guards = eventstore::missing_guards(transaction);
  return log;
}

std::vector<ProjectionLag> read_projections(pqxx::transaction_base& transaction) {
  std::vector<ProjectionLag> projections;
  for (const auto& row : transaction.exec(
           "SELECT projection, partition, next_offset, events_behind, seconds_behind, owner, stuck_offset, stuck_stream_id,"
           " stuck_event_type, stuck_reason, " +
           microseconds("stuck_since") + " FROM projection_lag ORDER BY projection, partition")) {
    ProjectionLag lag;
    lag.projection = row[0].as<std::string>();
    lag.partition = row[1].as<eventstore::Partition>();
    lag.next_offset = row[2].as<eventstore::Offset>();
    lag.events_behind = row[3].as<std::int64_t>();
    lag.seconds_behind = row[4].as<double>();
    if (!row[5].is_null()) lag.owner = row[5].as<std::string>();
    if (!row[6].is_null()) {
      lag.stuck = ProjectionLag::Stuck{row[6].as<eventstore::Offset>(), row[7].as<std::string>(), row[8].as<std::string>(),
                                       row[9].as<std::string>(), time(row[10])};
    }
    projections.push_back(std::move(lag));
  }
  return projections;
}

ParkedCount read_parked(pqxx::transaction_base& transaction) {
  const pqxx::row row =
      transaction.exec1("SELECT count(*), " + microseconds("clock_timestamp() - min(parked_at)") + " FROM parked_events");
  ParkedCount parked;
  parked.count = row[0].as<std::int64_t>();
  if (!row[1].is_null()) parked.oldest_for = std::chrono::microseconds(row[1].as<std::int64_t>());
  return parked;
}

PostponedCount read_postponed(pqxx::transaction_base& transaction) {
  const pqxx::row row = transaction.exec1("SELECT count(*), coalesce(min(reason), '') FROM postponed_events");
  return {row[0].as<std::int64_t>(), row[1].as<std::string>()};
}

std::vector<RejectedCount> read_rejected(pqxx::transaction_base& transaction) {
  std::vector<RejectedCount> rejected;
  for (const auto& row : transaction.exec(
           "SELECT reason, count(*), count(*) FILTER (WHERE rejected_at > clock_timestamp() - interval '1 hour'), " +
           microseconds("max(rejected_at)") +
           " FROM rejected_events WHERE resolution IS NULL GROUP BY reason ORDER BY count(*) DESC, reason")) {
    rejected.push_back({row[0].as<std::string>(), row[1].as<std::int64_t>(), row[2].as<std::int64_t>(), time(row[3])});
  }
  return rejected;
}

bool any_live(const SystemStatus& status, const std::string& service) {
  return std::any_of(status.services.begin(), status.services.end(),
                     [&](const ServiceStatus& s) { return s.service == service && s.live; });
}

}  // namespace

SystemStatus read_system_status(pqxx::transaction_base& transaction) {
  SystemStatus status;
  status.at = time(transaction.exec1("SELECT " + microseconds("clock_timestamp()"))[0]);
  status.services = read_services(transaction);
  status.log = read_log(transaction);
  status.projections = read_projections(transaction);
  status.parked = read_parked(transaction);
  status.postponed = read_postponed(transaction);
  status.rejected = read_rejected(transaction);
  return status;
}

bool is_told_by_projections(const ServiceStatus& service, const SystemStatus& status) {
  return service.stuck_partitions > 0 && std::any_of(status.projections.begin(), status.projections.end(),
                                                     [](const ProjectionLag& lag) { return lag.stuck.has_value(); });
}

namespace {

void add_problems_of_services(const SystemStatus& status, std::chrono::seconds lag_max, std::vector<std::string>& problems) {
  if (!any_live(status, "ingester")) {
    problems.push_back("no ingester is running: what is published is not stored. Start one: hermes ingest");
  }
  if (!any_live(status, "projector")) {
    problems.push_back("no projector is running: the tables do not follow the log. Start one: hermes project");
  }
  for (const ServiceStatus& service : status.services) {
    if (is_told_by_projections(service, status)) continue;
    if (service.live && service.state == "degraded") {
      problems.push_back(service.service + " " + service.instance + " is degraded: " + service.problem);
    } else if (service.live && service.seconds_behind > static_cast<double>(lag_max.count())) {
      problems.push_back(
          service.service + " " + service.instance + " is " +
          std::to_string(static_cast<std::int64_t>(service.seconds_behind)) +
          " s behind the broker: the database is slow, or something holds the log's heads locked. See: hermes doctor");
    }
  }
}

void add_problems_of_log(const SystemStatus& status, std::vector<std::string>& problems) {
  for (const std::string& missing : status.log.missing_guards) {
    problems.push_back("what guards the log is not as it was made: " + missing +
                       ". Ask who did it, mend it, then: hermes verify");
  }
  if (status.postponed.count > 0) {
    problems.push_back(std::to_string(status.postponed.count) +
                       (status.postponed.count == 1 ? " message waits" : " messages wait") +
                       " in postponed_events until an ingester can read their streams: " + status.postponed.reason);
  }
}

void add_missing_checkpoints(const SystemStatus& status, std::vector<std::string>& problems) {
  std::map<std::string, std::size_t> checkpoints;
  for (const ProjectionLag& lag : status.projections) ++checkpoints[lag.projection];
  for (const auto& [projection, count] : checkpoints) {
    if (count >= status.log.partitions.size()) continue;
    problems.push_back(projection + " has no checkpoint in " + std::to_string(status.log.partitions.size() - count) + " of " +
                       std::to_string(status.log.partitions.size()) +
                       " partitions: nothing of them is projected. Start the projectors again, then: hermes rebuild " +
                       projection);
  }
}

void add_problems_of_projections(const SystemStatus& status, std::chrono::seconds lag_max, std::vector<std::string>& problems) {
  // Late partitions of one projection have one cause: they are one problem.
  struct Late {
    std::size_t partitions = 0;
    double seconds = 0;
    std::int64_t events = 0;
  };
  std::map<std::string, Late> late;
  for (const ProjectionLag& lag : status.projections) {
    if (lag.events_behind < 0) {
      problems.push_back(
          "projection " + lag.projection + " is ahead of the log in partition " + std::to_string(lag.partition) +
          ": its checkpoint is " + std::to_string(lag.next_offset) + ", the log ends at " +
          std::to_string(lag.next_offset + lag.events_behind) +
          ". The end of the log was removed; what is appended there now is not projected. See: hermes verify. If this is the "
          "log that was restored (docs/backup.md): hermes rebuild " +
          lag.projection);
    }
    if (lag.stuck) {
      const std::string position = eventstore::to_string({lag.partition, lag.stuck->offset});
      problems.push_back("projection " + lag.projection + " is stuck at " + position + " (" + lag.stuck->event_type + " of " +
                         lag.stuck->stream_id + ") since " + rfc3339(lag.stuck->since) + ", " +
                         std::to_string(lag.events_behind) + (lag.events_behind == 1 ? " event waits: " : " events wait: ") +
                         lag.stuck->reason + ". Mend the cause, or leave the event out: hermes project " + lag.projection +
                         " --skip " + position + " --reason ...");
    } else if (lag.seconds_behind > static_cast<double>(lag_max.count())) {
      Late& all = late[lag.projection];
      ++all.partitions;
      all.seconds = std::max(all.seconds, lag.seconds_behind);
      all.events += lag.events_behind;
    }
  }
  for (const auto& [projection, all] : late) {
    problems.push_back("projection " + projection + " is " + std::to_string(static_cast<std::int64_t>(all.seconds)) +
                       " s behind the log in " + std::to_string(all.partitions) + " partitions (" + std::to_string(all.events) +
                       " events wait). More projectors share the work: hermes project");
  }
}

}  // namespace

std::vector<std::string> problems_of(const SystemStatus& status, std::chrono::seconds lag_max) {
  std::vector<std::string> problems;
  add_problems_of_services(status, lag_max, problems);
  add_problems_of_log(status, problems);
  add_missing_checkpoints(status, problems);
  add_problems_of_projections(status, lag_max, problems);
  return problems;
}

}  // namespace hermes::projections
