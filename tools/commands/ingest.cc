// hermes ingest: the service that takes what crosses the broker into the log.
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

#include "adapters/http/server.h"
#include "adapters/http/service_routes.h"
#include "adapters/ingest/ingester.h"
#include "tools/cli/options.h"
#include "tools/cli/secret.h"
#include "tools/cli/setting_checks.h"
#include "tools/commands/commands.h"
#include "tools/service/service.h"
#include "tools/status/service_heartbeat.h"

namespace hermes::tools {
namespace {

// How often the watchdog is fed, the gauges are brought up to date, and a full spool is looked at.
constexpr std::chrono::milliseconds kTick{1'000};
// What stopping takes beyond the drain: leaving the broker, and the last word to the database.
constexpr std::chrono::seconds kStopSlack{5};

struct Flags {
  ingest::Settings ingest;
  ServiceOptions service;
  std::string spool_folder = ".hermes/spool";
  std::string client_id;
  std::uint64_t linger_ms = 5;
  std::uint64_t keep_alive_s = 20;
  std::uint64_t fsync_interval_ms = 100;
  std::uint64_t parking_window_s = 3600;
  std::uint64_t drain_timeout_s = 10;
};

std::string take_fsync(const std::string& text, spool::Fsync& fsync) {
  const std::map<std::string, spool::Fsync> modes{
      {"never", spool::Fsync::never}, {"interval", spool::Fsync::interval}, {"always", spool::Fsync::always}};
  const auto found = modes.find(text);
  if (found == modes.end()) return "it is never, interval or always, not " + text;
  fsync = found->second;
  return {};
}

void add_flags(const Command& app, Flags& flags) {
  ingest::Settings& settings = flags.ingest;
  app.option("--workers", settings.workers, "Threads that append, each with a database connection and its partitions")
      .between(1, 64)
      .environment("HERMES_WORKERS")
      .default_shown();
  app.option("--batch", settings.batch_messages, "Messages in one append transaction at most")
      .between(1, 10'000)
      .environment("HERMES_BATCH")
      .default_shown();
  app.option("--linger-ms", flags.linger_ms, "How long an incomplete batch waits for more messages")
      .between(0, 1'000)
      .environment("HERMES_LINGER_MS")
      .default_shown();
  app.option("--spool-dir", flags.spool_folder, "Folder of the spool; one ingester at a time")
      .environment("HERMES_SPOOL_DIR")
      .check(check_path)
      .default_shown();
  app.option(
         "--fsync", [&settings](const std::string& text) { return take_fsync(text, settings.spool.fsync); },
         "When the spool is forced to the disk: never, interval, always. A kill loses nothing with any; a power loss "
         "takes what was not forced (default interval)")
      .type_name("MODE")
      .environment("HERMES_FSYNC");
  app.option("--fsync-interval-ms", flags.fsync_interval_ms, "With --fsync interval: what a power loss may take")
      .between(1, 60'000)
      .environment("HERMES_FSYNC_INTERVAL_MS")
      .default_shown();
  app.option("--max-spool-bytes", settings.spool.max_bytes,
             "Room of the spool (suffixes KiB, MiB, GiB); when it is full, the broker queues")
      .bytes()
      .check(check_spool_bytes)
      .environment("HERMES_MAX_SPOOL_BYTES")
      .default_shown();
  app.option("--share-group", settings.share_group, "Share the load with other ingesters: subscribe to $share/GROUP/...")
      .environment("HERMES_SHARE_GROUP")
      .check(check_share_group);
  app.option("--client-id", flags.client_id,
             "MQTT client id, the name of the session at the broker (default hermes-ingester; each its own with "
             "--share-group)")
      .environment("HERMES_CLIENT_ID")
      .check(check_client_id);
  app.option("--keep-alive-s", flags.keep_alive_s,
             "MQTT keep-alive: the broker gives up an ingester that is silent for one and a half of it")
      .between(1, 65'535)
      .environment("HERMES_MQTT_KEEP_ALIVE_SECONDS")
      .default_shown();
  app.option("--ack-qos", settings.ack_qos,
             "QoS of received_by_server: 0 or 1. A lost one mends itself when the sender asks again")
      .between(0, 1)
      .environment("HERMES_ACK_QOS")
      .default_shown();
  app.option("--parking-window-s", flags.parking_window_s, "Seconds that a receipt waits for its message")
      .between(1, 30 * 86'400)
      .environment("HERMES_PARKING_WINDOW_S")
      .default_shown();
  app.option("--drain-timeout-s", flags.drain_timeout_s, "Seconds that SIGTERM may take to commit what was taken")
      .between(0, 600)
      .environment("HERMES_DRAIN_TIMEOUT_S")
      .default_shown();
  add_service_options(app, flags.service);
}

ingest::Settings settings_from(const Settings& shared, const Flags& flags) {
  ingest::Settings settings = flags.ingest;
  require_client_id_in_group(settings.share_group, flags.client_id);
  settings.topic_root = shared.mqtt_topic;
  settings.mqtt.host = shared.mqtt_host;
  settings.mqtt.port = shared.mqtt_port;
  settings.mqtt.username = shared.mqtt_username;
  settings.mqtt.password = shared.mqtt_password;
  settings.mqtt.password_file = secret_file("MQTT_PASSWORD");
  settings.mqtt.client_id = flags.client_id.empty() ? "hermes-ingester" : flags.client_id;
  settings.mqtt.keep_alive = std::chrono::seconds(flags.keep_alive_s);
  settings.mqtt.maximum_packet_bytes = ingest::kPacketBytesMax;
  settings.mqtt.gather_for = ingest::kGatherFor;
  settings.postgres = shared.postgres;
  settings.postgres.role = "hermes_ingester";
  settings.postgres.application_name = "hermes ingest";
  settings.linger = std::chrono::milliseconds(flags.linger_ms);
  settings.spool.folder = flags.spool_folder;
  settings.spool.fsync_interval = std::chrono::milliseconds(flags.fsync_interval_ms);
  settings.parking_window = std::chrono::seconds(flags.parking_window_s);
  settings.drain_timeout = std::chrono::seconds(flags.drain_timeout_s);
  return settings;
}

// The messages are taken all the same, and in order; only their times say nothing until the clock has caught up.
constexpr std::chrono::seconds kClockBehindMax{60};

std::string clock_problem(const ingest::Health& health) {
  if (health.clock_behind < kClockBehindMax) return "";
  return "messages get times of arrival that are " + std::to_string(health.clock_behind.count()) +
         " s ahead of this machine's clock, which was set wrong then or is now. See docs/troubleshooting.md, \"ahead of the "
         "clock\"";
}

eventstore::Heartbeat heartbeat_of(const ingest::Health& health, const std::string& client_id, ServiceState& state) {
  const std::string clock = clock_problem(health);
  return {.state = state.after(health.ready, health.ready && clock.empty()),
          .problem = health.problem.empty() ? clock : health.problem,
          .details = boost::json::serialize(boost::json::object{{"client_id", client_id},
                                                                {"spool_bytes", health.spool_bytes},
                                                                {"spool_messages", health.spool_messages},
                                                                {"spool_age_seconds", health.spool_age.count()}})};
}

void serve(http::Server& server, const ingest::Ingester& ingester, const std::shared_ptr<prometheus::Registry>& registry) {
  http::serve_metrics(server, registry);
  http::serve_health(
      server, "ingester",
      [&ingester] {
        const ingest::Health health = ingester.health();
        return http::Health{.ok = health.alive, .detail = health.alive ? "" : health.problem};
      },
      [&ingester] {
        const ingest::Health health = ingester.health();
        return http::Health{.ok = health.ready, .detail = health.problem};
      });
  if (auto started = server.start(); !started) throw CommandError(kFoundProblem, started.error().message);
}

// What ended a service that could not go on. Said by one of its threads, read by the main one.
class Fatal {
 public:
  void say(const std::string& problem) {
    std::lock_guard lock(mutex_);
    problem_ = problem;
  }
  std::string problem() const {
    std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  mutable std::mutex mutex_;
  std::string problem_;
};

// Until a signal comes or the ingester can't go on.
void work(ingest::Ingester& ingester, StopSignals& signals) {
  bool was_ready = false;
  do {
    ingester.tick();
    const ingest::Health health = ingester.health();
    if (!health.alive) return;
    tell_systemd_alive();
    if (health.ready && !was_ready) {
      was_ready = true;
      spdlog::info("ready");
      tell_systemd_ready("taking messages into the log");
    }
    tell_systemd_status(health.ready ? "taking messages into the log" : health.problem);
  } while (!signals.wait_for(kTick));
}

ExitCode run_ingest(const Settings& shared, const Flags& flags) {
  const ingest::Settings settings = settings_from(shared, flags);
  set_up_logging(flags.service);
  std::signal(SIGPIPE, SIG_IGN);  // a broker or a log reader that goes away is an error to handle, not the end
  StopSignals signals;
  StopDeadline deadline;
  Fatal fatal;
  auto registry = std::make_shared<prometheus::Registry>();
  auto started = ingest::Ingester::start(settings, *registry, [&fatal](const std::string& problem) { fatal.say(problem); });
  if (!started) throw CommandError(kFoundProblem, started.error().message);
  ingest::Ingester& ingester = **started;
  spdlog::info("hermes ingest {} starts", settings.mqtt.client_id);

  http::Server server(
      {.port = flags.service.http_port, .log_error = [](const std::string& line) { spdlog::error("{}", line); }});
  if (flags.service.http_port != 0) serve(server, ingester, registry);
  auto heartbeat = std::make_unique<eventstore::ServiceHeartbeat>(
      eventstore::ServiceHeartbeat::Settings{
          .postgres = settings.postgres, .service = "ingester", .instance = settings.mqtt.client_id, .version = version()},
      [&ingester, &settings, state = ServiceState()]() mutable {
        return heartbeat_of(ingester.health(), settings.mqtt.client_id, state);
      });

  work(ingester, signals);

  tell_systemd_stopping();
  deadline.begin(settings.drain_timeout + kStopSlack);
  spdlog::info("stopping: committing what was taken");
  const ingest::Drained drained = ingester.drain();
  if (!drained.complete) spdlog::warn("{} messages stay in the spool for the next start", drained.left_in_spool);
  server.stop();
  if (!fatal.problem().empty()) throw CommandError(kFoundProblem, fatal.problem());
  if (!drained.complete) {
    // A thread may be waiting for a database that does not answer. The spool has everything: nothing is lost by leaving now.
    spdlog::shutdown();
    std::_Exit(kDone);
  }
  heartbeat.reset();
  spdlog::info("stopped");
  return kDone;
}

}  // namespace

void add_ingest(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app =
      root.subcommand("ingest", "Takes what crosses the broker into the log (a service).",
                      {"hermes ingest", "hermes ingest --spool-dir /var/lib/hermes/spool --workers 2 --log-json"});
  add_mqtt_options(app, cli.settings);
  add_postgres_options(app, cli.settings);
  add_flags(app, *flags);
  app.runs(cli, [&cli, flags] { return run_ingest(cli.settings, *flags); });
}

}  // namespace hermes::tools
