// hermes project: the service that folds the log into the tables that people query (docs/projections.md).
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/http/service_routes.h"
#include "eventstore/schema/migrations.h"
#include "projections/projector/projector.h"
#include "projections/projector/skips.h"
#include "tools/cli/connect.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/setting_checks.h"
#include "tools/commands/commands.h"
#include "tools/commands/projection_names.h"
#include "tools/service/projector_metrics.h"
#include "tools/service/service.h"
#include "tools/status/service_heartbeat.h"

namespace hermes::tools {
namespace {

// How often the watchdog is fed, and how long a worker may be silent before it is left to starve: a batch takes well under a
// second, a statement that hangs is ended by the database after 60 s (projections/projector/worker_session.cc).
constexpr std::chrono::milliseconds kTick{1'000};
constexpr std::chrono::seconds kSilenceMax{90};
// For the batches under way and the leases. A lease that is not given back ends by itself.
constexpr std::chrono::seconds kStopTimeMax{20};

struct Options {
  std::vector<std::string> names;
  std::string instance;
  std::string skip;
  std::string reason;
  int lease_ms = 10'000;
  int poll_ms = 1'000;
  std::size_t batch = projections::WorkerSettings{}.batch_events_max;
  ServiceOptions service;
};

ExitCode skip(const Settings& settings, const Options& options) {
  const auto position = eventstore::parse_position(options.skip);
  if (!position)
    throw CommandError(kUsage, "--skip takes a position P:O, for example 3:1200; hermes status shows where it is stuck");
  if (options.reason.empty()) throw CommandError(kUsage, "--skip needs --reason: it is kept with the skipped event");
  if (options.names.size() > 1) throw CommandError(kUsage, "--skip takes one projection");
  projections_named(options.names);  // refuses one that there is not
  const postgres::ConnectionPtr connection = connect(settings);
  const auto skipped =
      projections::skip_event(*connection, options.names.empty() ? "" : options.names.front(), *position, options.reason);
  if (!skipped) throw CommandError(kFoundProblem, skipped.error());
  if (settings.json) {
    print_json(boost::json::object{{"projection", skipped->projection},
                                   {"position", eventstore::to_string(*position)},
                                   {"event_type", skipped->event_type},
                                   {"stream_id", skipped->stream_id}});
  } else {
    std::cout << skipped->projection << " will leave out " << eventstore::to_string(*position) << " ("
              << escape_for_terminal(skipped->event_type) << " of " << escape_for_terminal(skipped->stream_id) << ")\n";
  }
  return kDone;
}

http::Health alive(const projections::Projector& projector) {
  for (const auto& [name, status] : projector.status()) {
    if (std::chrono::steady_clock::now() - status.alive_at > kSilenceMax) return {false, name + " has not moved for too long"};
  }
  return {};
}

using Statuses = std::map<std::string, projections::ProjectionStatus>;

http::Health ready(const Statuses& statuses) {
  http::Health health;
  for (const auto& [name, status] : statuses) {
    if (!status.connected) return {false, name + ": " + (status.problem.empty() ? "connecting" : status.problem)};
    for (const auto& [partition, shown] : status.partitions) {
      if (shown.ahead_of_log) {
        return {false, name + " is ahead of the log in partition " + std::to_string(partition) +
                           ": the end of the log was removed. See: hermes verify"};
      }
      if (!shown.stuck) continue;
      health.ok = false;
      health.detail += (health.detail.empty() ? "" : "; ") + name + " is stuck at " +
                       eventstore::to_string({partition, shown.stuck->offset}) + " (" + shown.stuck->event_type + " of " +
                       shown.stuck->stream_id + "): " + shown.stuck->reason;
    }
  }
  return health;
}

// What is wrong with the projector; with stuck partitions alone, how many: what they are stuck at is in the tables, where
// hermes status finds it with more to it.
eventstore::Heartbeat heartbeat_of(const Statuses& statuses, ServiceState& state) {
  const http::Health now = ready(statuses);
  const bool begun = std::ranges::all_of(statuses, [](const auto& status) { return status.second.connected; });
  eventstore::Heartbeat heartbeat{.state = state.after(begun, now.ok), .problem = now.detail};
  std::size_t stuck = 0;
  for (const auto& [name, status] : statuses) {
    if (!status.connected) return heartbeat;
    stuck += static_cast<std::size_t>(
        std::ranges::count_if(status.partitions, [](const auto& partition) { return partition.second.stuck.has_value(); }));
  }
  if (stuck > 0) heartbeat.details = boost::json::serialize(boost::json::object{{"stuck_partitions", stuck}});
  return heartbeat;
}

void serve(http::Server& server, projections::Projector& projector) {
  http::serve_metrics(server, projector_metrics(projector));
  http::serve_health(
      server, "projector", [&] { return alive(projector); }, [&] { return ready(projector.status()); });
  if (auto started = server.start(); !started) throw CommandError(kFoundProblem, started.error().message);
}

void require_migrated(const Settings& settings) {
  const postgres::ConnectionPtr connection = connect(settings);
  if (auto checked = eventstore::check_migrated(*connection); !checked) {
    throw CommandError(kFoundProblem, checked.error().message);
  }
}

ExitCode run(const Settings& settings, const Options& options) {
  if (!options.skip.empty()) return skip(settings, options);
  if (!options.reason.empty()) throw CommandError(kUsage, "--reason goes with --skip");
  const std::vector<const projections::Projection*> chosen = projections_named(options.names);
  set_up_logging(options.service);
  StopSignals signals;
  StopDeadline deadline;
  require_migrated(settings);

  projections::WorkerSettings worker;
  worker.postgres = settings.postgres;
  worker.instance = options.instance.empty() ? projections::default_instance_name() : options.instance;
  worker.lease = std::chrono::milliseconds(options.lease_ms);
  worker.poll = std::chrono::milliseconds(options.poll_ms);
  worker.batch_events_max = options.batch;
  spdlog::info("hermes project {} starts", worker.instance);
  projections::Projector projector(chosen, worker);
  http::Server server(
      {.port = options.service.http_port, .log_error = [](const std::string& line) { spdlog::error("{}", line); }});
  if (options.service.http_port != 0) serve(server, projector);

  // Under the role that the projector has for its work: it may write heartbeats.
  postgres::Settings heartbeat_postgres = settings.postgres;
  heartbeat_postgres.role = "hermes_projector";
  auto heartbeat = std::make_unique<eventstore::ServiceHeartbeat>(
      eventstore::ServiceHeartbeat::Settings{
          .postgres = heartbeat_postgres, .service = "projector", .instance = worker.instance, .version = version()},
      [&projector, state = ServiceState()]() mutable { return heartbeat_of(projector.status(), state); });

  tell_systemd_ready("folding the log");
  while (!signals.wait_for(kTick)) {
    if (alive(projector).ok) tell_systemd_alive();
    const http::Health now = ready(projector.status());
    tell_systemd_status(now.ok ? "folding the log" : now.detail);
  }
  tell_systemd_stopping();
  deadline.begin(kStopTimeMax);
  spdlog::info("stopping: finishing the batches, releasing the leases");
  projector.request_stop();
  projector.wait();
  heartbeat.reset();
  server.stop();
  return kDone;
}

}  // namespace

void add_project(const Command& root, Cli& cli) {
  auto options = std::make_shared<Options>();
  const Command app = root.subcommand("project", "Folds the log into the tables that people query (a service)",
                                      {"hermes project", "hermes project chat --instance chat-1",
                                       "hermes project chat --skip 3:1200 --reason 'payload damaged, ticket 17'"});
  add_postgres_options(app, cli.settings);
  add_json_flag(app, cli.settings);
  add_service_options(app, options->service);
  app.option("name", options->names, "Projections to run (all)");
  app.option("--instance", options->instance, "Name of this process among projectors, unique (host:pid)")
      .environment("HERMES_INSTANCE")
      .check(check_instance);
  app.option("--lease-ms", options->lease_ms, "A dead projector's partitions move after this time")
      .environment("HERMES_LEASE_MS")
      .between(300, 600'000)
      .default_shown();
  app.option("--poll-ms", options->poll_ms, "How often to look for events when no notification comes")
      .environment("HERMES_POLL_MS")
      .between(10, 600'000)
      .default_shown();
  app.option("--batch", options->batch, "Events in one transaction, at most")
      .environment("HERMES_PROJECT_BATCH")
      .between(std::size_t{1}, std::size_t{100'000})
      .default_shown();
  app.option("--skip", options->skip, "Leave out the event P:O at which a projection is stuck, and end")
      .type_name("P:O")
      .not_empty();
  app.option("--reason", options->reason, "Why; kept with the skipped event");
  app.runs(cli, [&cli, options] { return run(cli.settings, *options); });
}

}  // namespace hermes::tools
