// `hermes health`: asks a service on this machine whether it does its job. For Docker's HEALTHCHECK, run_chat.sh and other
// supervisors: the exit code is the answer.
#include <httplib.h>

#include <cstdint>
#include <iostream>
#include <memory>

#include "tools/cli/options.h"
#include "tools/commands/commands.h"

namespace hermes::tools {
namespace {

constexpr int kLimitSeconds = 4;  // below the time-outs of those who ask

struct Flags {
  std::uint16_t port = 9464;
  bool alive = false;
};

ExitCode run_health(const Flags& flags, bool json) {
  httplib::Client client("127.0.0.1", flags.port);
  client.set_connection_timeout(kLimitSeconds);
  client.set_read_timeout(kLimitSeconds);
  const httplib::Result answer = client.Get(flags.alive ? "/healthz" : "/readyz");
  if (!answer) {
    throw CommandError(kUnreachable, "no service answers at 127.0.0.1:" + std::to_string(flags.port) +
                                         ". Is it running? Try: ./run_chat.sh status");
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
  app.option("--port", flags->port, "Where the service answers")
      .environment("HERMES_HTTP_PORT")
      .between(1, 65'535)
      .default_shown();
  app.flag("--alive", flags->alive, "Ask whether the process works at all, not whether it reaches all it needs");
  add_json_flag(app, cli.settings);
  app.runs(cli, [&cli, flags] { return run_health(*flags, cli.settings.json); });
}

}  // namespace hermes::tools
