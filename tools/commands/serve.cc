// hermes serve: the query service for chat clients (docs/openapi.yaml).
#include <atomic>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>

#include "adapters/http/query_api.h"
#include "adapters/http/server.h"
#include "base/host_and_port.h"
#include "base/host_name.h"
#include "eventstore/postgres/connection_pool.h"
#include "tools/cli/options.h"
#include "tools/cli/setting_checks.h"
#include "tools/commands/commands.h"
#include "tools/service/service.h"
#include "tools/status/service_heartbeat.h"

namespace hermes::tools {
namespace {

// A thread serves one connection at a time; most wait for the network. More threads than connections to the database, so that
// waiting for a slow reader does not keep the database idle.
constexpr std::size_t kThreads = 32;
// Clients that wait for a thread; beyond it they wait in the kernel.
constexpr std::size_t kWaitingMax = 512;
// A query needs no body at all.
constexpr std::size_t kBodyBytesMax = 4096;
// How often the watchdog is fed. Whatever a request waits for has a limit of its own (adapters/http, query_api.h), so the
// threads come back by themselves, and a rush of clients, which a restart would not help, starves nothing.
constexpr std::chrono::milliseconds kTick{1'000};

// For the requests under way, and for the last heartbeat to a database that may hang.
constexpr std::chrono::seconds kStopTime{10};

struct Flags {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8480;
  std::size_t connections = 8;
};

// Lines on stderr, at most one a second: when the database is away every request has the same to say.
class ErrorLog {
 public:
  void operator()(const std::string& line) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    auto last = last_.load();
    constexpr auto kSecond = std::chrono::steady_clock::duration(std::chrono::seconds(1)).count();
    if (last != 0 && now - last < kSecond) return;
    if (last_.compare_exchange_strong(last, now)) std::cerr << "hermes serve: " + escape_for_terminal(line) + "\n";
  }

 private:
  std::atomic<std::chrono::steady_clock::rep> last_{0};
};

ExitCode run_serve(const Settings& settings, const Flags& flags) {
  StopSignals signals;
  StopDeadline deadline;

  postgres::Settings reader = settings.postgres;
  reader.role = "hermes_reader";
  reader.application_name = "hermes serve";
  postgres::ConnectionPool pool(reader, flags.connections, http::make_read_only);

  const auto log = std::make_shared<ErrorLog>();
  const auto log_error = [log](const std::string& line) { (*log)(line); };
  http::Settings server_settings;
  server_settings.host = flags.host;
  server_settings.port = flags.port;
  server_settings.threads = kThreads;
  server_settings.waiting_max = kWaitingMax;
  server_settings.body_bytes_max = kBodyBytesMax;
  server_settings.log_error = log_error;
  http::QueryApi api(pool, log_error);
  http::Server server(server_settings);
  api.mount(server);
  if (auto started = server.start(); !started) throw CommandError(kFoundProblem, started.error().message);

  if (!is_loopback(flags.host)) {
    std::cerr << "hermes serve: warning: " << flags.host
              << " is not loopback: whoever reaches this port can read every message\n";
  }
  std::cout << "Serving on http://" << host_and_port(flags.host, server.port()) << std::endl;

  // Of two processes on one machine each has its own port, and one that starts again has its former row.
  eventstore::ServiceHeartbeat heartbeat(
      {.postgres = reader,
       .write = eventstore::ServiceHeartbeat::Write::query_function,
       .service = "query",
       .instance = host_and_port(host_name(), server.port()),
       .version = version()},
      [details = boost::json::serialize(boost::json::object{{"address", host_and_port(flags.host, server.port())}})] {
        return eventstore::Heartbeat{.state = "ready", .problem = {}, .details = details};
      });

  // Ready without the database, too: until that is there, clients are told to come back (503), and /readyz says why.
  tell_systemd_ready("answering chat clients");
  do {
    tell_systemd_alive();
  } while (!signals.wait_for(kTick));
  tell_systemd_stopping();
  deadline.begin(kStopTime);
  server.stop();
  return kDone;
}

}  // namespace

void add_serve(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app = root.subcommand("serve",
                                      "Answers chat clients over HTTP: history, statuses, inboxes, timelines. Reads only; no "
                                      "authentication, so it listens on loopback unless told otherwise.",
                                      {"hermes serve", "hermes serve --port 8480 --connections 16",
                                       "curl 'http://127.0.0.1:8480/v1/messages?user=david&with=fredy&limit=20'"});
  app.option("--host", flags->host, "Address to listen on").environment("HERMES_QUERY_HOST").check(check_host).default_shown();
  app.option("--port", flags->port, "Port to listen on; 0 takes a free one and prints it")
      .environment("HERMES_QUERY_PORT")
      .default_shown();
  app.option("--connections", flags->connections, "Connections to the database at most")
      .environment("HERMES_QUERY_CONNECTIONS")
      .between(std::size_t{1}, std::size_t{100})
      .default_shown();
  add_postgres_options(app, cli.settings);
  app.runs(cli, [&cli, flags] { return run_serve(cli.settings, *flags); });
}

}  // namespace hermes::tools
