// What the services (`ingest`, `project`, `serve`) share: their log, signals, systemd and the HTTP port of metrics and health.
//
//   ServiceOptions options;                      // declared on the subcommand by add_service_options()
//   set_up_logging(options);
//   StopSignals signals;                         // before any thread is started
//   StopDeadline deadline;                       // before what may have to be waited for
//   ... start ...
//   tell_systemd_ready("folding");
//   while (!signals.wait_for(kTick)) if (all is alive) tell_systemd_alive();
//   tell_systemd_stopping();
//   deadline.begin(kStopTime);
//   ... drain ...
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

namespace hermes::tools {

class Command;

struct ServiceOptions {
  std::string log_level = "info";  // --log-level, HERMES_LOG_LEVEL
  bool log_json = false;           // --log-json, HERMES_LOG_JSON: one JSON object a line
  std::uint16_t http_port = 0;     // --http-port, HERMES_HTTP_PORT; 0: none
};

void add_service_options(const Command& app, ServiceOptions& options);

// spdlog's default logger: to stderr, which systemd and run_chat.sh keep. Text from outside is escaped by whoever logs it. With
// JSON nothing else is written there from now on, also when the service ends with an error.
void set_up_logging(const ServiceOptions& options);

// SIGTERM and SIGINT as something to wait for. They are blocked in this thread and in all that it starts.
class StopSignals {
 public:
  StopSignals();
  // Whether one came. Returns at once when it does, at the latest after `time`.
  bool wait_for(std::chrono::milliseconds time);
};

// A database that hangs is waited for as long as it does, by whatever thread has asked it something. So a service that has
// begun to stop is ended by force, with exit code 0, when the time is over. Requires: what it leaves undone is done by the next
// start.
class StopDeadline {
 public:
  void begin(std::chrono::milliseconds time);

 private:
  std::jthread thread_;
};

// What a service says of itself in its heartbeat. One that has not begun its work yet is starting, and no problem to anybody,
// unless that takes too long. Of one thread.
class ServiceState {
 public:
  static constexpr std::chrono::seconds kStartingMax{30};

  using Clock = std::chrono::steady_clock;
  explicit ServiceState(Clock::time_point started_at = Clock::now()) : started_at_(started_at) {}

  // `begun`: the service has all that its work needs. Returns starting, ready or degraded.
  std::string after(bool begun, bool ready, Clock::time_point now = Clock::now());

 private:
  const Clock::time_point started_at_;
  bool has_begun_ = false;
};

// sd_notify(3); nothing happens without systemd.
void tell_systemd_ready(const std::string& status);
void tell_systemd_status(const std::string& status);
void tell_systemd_alive();  // feeds the watchdog: call it at least every five seconds
void tell_systemd_stopping();

}  // namespace hermes::tools
