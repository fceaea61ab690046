#include "tools/service/service.h"

#include <signal.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stop_token>

#include "base/printable_text.h"
#include "base/timestamp.h"
#include "tools/cli/cli.h"
#include "tools/cli/options.h"

namespace hermes::tools {
namespace {

class JsonLines : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto level = spdlog::level::to_string_view(message.level);
    const auto time = std::chrono::time_point_cast<std::chrono::microseconds>(message.time);
    const std::string line =
        boost::json::serialize(boost::json::object{{"time", rfc3339(time)},
                                                   {"level", std::string(level.data(), level.size())},
                                                   {"message", std::string(message.payload.data(), message.payload.size())}}) +
        "\n";
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonLines>(); }
};

// Many lines hold text from others (ids, topics, the database's messages), and people read logs at a terminal: no text may
// control the terminal, or look like another line.
class PrintableMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string text = escape_for_terminal({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override { return std::make_unique<PrintableMessage>(); }
};

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void add_service_options(const Command& app, ServiceOptions& options) {
  const std::string group = "Service";
  app.option("--log-level", options.log_level, "debug, info, warn or error")
      .environment("HERMES_LOG_LEVEL")
      .one_of({"debug", "info", "warn", "error"})
      .default_shown()
      .group(group);
  app.flag("--log-json", options.log_json, "Log one JSON object a line").environment("HERMES_LOG_JSON").group(group);
  app.option("--http-port,--metrics-port", options.http_port,
             "Serve /metrics, /healthz and /readyz on this port of 127.0.0.1; 0: not at all")
      .environment("HERMES_HTTP_PORT")
      .default_shown()
      .group(group);
}

void set_up_logging(const ServiceOptions& options) {
  auto logger = std::make_shared<spdlog::logger>("hermes", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (options.log_json) {
    logger->set_formatter(std::make_unique<JsonLines>());
    say_errors_by([](const std::string& problem) { spdlog::critical("{}", problem); });
  } else {
    auto lines = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    lines->add_flag<PrintableMessage>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %*");
    logger->set_formatter(std::move(lines));
  }
  logger->set_level(spdlog::level::from_str(options.log_level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

StopSignals::StopSignals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

bool StopSignals::wait_for(std::chrono::milliseconds time) {
  const sigset_t set = stop_signals();
  const timespec limit{time.count() / 1000, (time.count() % 1000) * 1'000'000};
  return sigtimedwait(&set, nullptr, &limit) > 0;
}

void StopDeadline::begin(std::chrono::milliseconds time) {
  thread_ = std::jthread([time](const std::stop_token& stopped) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    if (changed.wait_for(lock, stopped, time, [] { return false; }) || stopped.stop_requested()) return;
    spdlog::warn("stopping takes too long, perhaps for a database that does not answer: leaving the rest to the next start");
    spdlog::shutdown();
    std::_Exit(kDone);
  });
}

std::string ServiceState::after(bool begun, bool ready, Clock::time_point now) {
  has_begun_ = has_begun_ || begun;
  if (ready) return "ready";
  return !has_begun_ && now - started_at_ < kStartingMax ? "starting" : "degraded";
}

void tell_systemd_ready(const std::string& status) { sd_notify(0, ("READY=1\nSTATUS=" + status).c_str()); }
// A line end in the text would begin another variable (sd_notify(3)).
void tell_systemd_status(const std::string& status) { sd_notify(0, ("STATUS=" + escape_for_terminal(status)).c_str()); }
void tell_systemd_alive() { sd_notify(0, "WATCHDOG=1"); }
void tell_systemd_stopping() { sd_notify(0, "STOPPING=1\nSTATUS=draining"); }

}  // namespace hermes::tools
