// Shared by the services (`ingest`, `project`, `serve`): their log, signals, systemd, and the HTTP port of metrics and health.
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

// Sets up spdlog's default logger. It writes to stderr, which systemd and run_chat.sh keep. Whoever logs text from outside must
// escape it. With JSON, only JSON is written to stderr from now on, even if the service ends with an error.
void set_up_logging(const ServiceOptions& options);

// Waits for SIGTERM and SIGINT. They are blocked in this thread and in all that it starts.
class StopSignals {
 public:
  StopSignals();
  // Returns whether a signal has come: at once if so, otherwise after `time`.
  bool wait_for(std::chrono::milliseconds time);
};

// A thread that has asked a hanging database for something waits until it answers. So when this time is over, a service that is
// stopping is ended by force, with exit code 0. Requires: the next start does what it leaves undone.
class StopDeadline {
 public:
  void begin(std::chrono::milliseconds time);

 private:
  std::jthread thread_;
};

// The state that a service reports in its heartbeat. Until it has begun its work it is `starting`, which is no problem unless
// it takes too long. For one thread.
class ServiceState {
 public:
  static constexpr std::chrono::seconds kStartingMax{30};

  using Clock = std::chrono::steady_clock;
  explicit ServiceState(Clock::time_point started_at = Clock::now()) : started_at_(started_at) {}

  // `begun`: the service has everything that its work needs. Returns starting, ready or degraded.
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
