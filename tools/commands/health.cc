// `hermes health`: asks a service on this machine whether it does its job. For Docker's HEALTHCHECK, run_chat.sh and other
// supervisors: the exit code is the answer.
#include <httplib.h>

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>

#include "tools/cli/local_service.h"
#include "tools/cli/options.h"
#include "tools/cli/setting_checks.h"
#include "tools/commands/commands.h"

namespace hermes::tools {
namespace {

constexpr std::chrono::seconds kLimit{4};  // below the time-outs of those who ask

struct Flags {
  std::string host;
  std::uint16_t port = 9464;
  bool alive = false;
};

ExitCode run_health(const Flags& flags, bool json) {
  LocalService service(flags.host, flags.port, kLimit);
  const httplib::Result answer = service.get(flags.alive ? "/healthz" : "/readyz");
  if (!answer) {
    throw CommandError(kUnreachable,
                       "no service answers at " + service.address() + ". Is it running? Try: ./run_chat.sh status");
  }
  const bool ok = answer->status == 200;
  if (json) {
    std::cout << answer->body << '\n';
  } else {
    std::cout << (ok ? "ok\n" : "failing: " + escape_for_terminal(answer->body) + "\n");
  }
  return ok ? kDone : kFoundProblem;
}

}  // namespace

void add_health(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app = root.subcommand("health", "Asks a service on this machine whether it does its job.",
                                      {"hermes health", "hermes health --port 9465 --alive"});
  app.option("--host", flags->host, "Where it listens, if not on a loopback address (127.0.0.1 or ::1)").check(check_host);
  app.option("--port", flags->port, "Where the service answers")
      .environment("HERMES_HTTP_PORT")
      .between(1, 65'535)
      .default_shown();
  app.flag("--alive", flags->alive, "Ask whether the process works at all, not whether it reaches all it needs");
  add_json_flag(app, cli.settings);
  app.runs(cli, [&cli, flags] { return run_health(*flags, cli.settings.json); });
}

}  // namespace hermes::tools
