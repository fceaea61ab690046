// hermes-bench peers.
#include <boost/json.hpp>
#include <iostream>
#include <memory>

#include "bench/commands.h"
#include "bench/peers/peers.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/service/service.h"

namespace hermes::bench {

void add_peers(const tools::Command& root, tools::Cli& cli) {
  auto settings = std::make_shared<PeersSettings>();
  const tools::Command app = root.subcommand(
      "peers", "Append, read and the way from the broker beside Emmett, Message DB, rows and a plain subscriber (from npm).",
      {"hermes-bench peers", "hermes-bench peers --rounds 5 --json > bench/results/peers.json"});
  app.option("--rounds", settings->rounds, "Times that all contenders take their turn").between(1, 100).default_shown();
  app.option("--seconds", settings->seconds, "Length of each append and each read").positive().default_shown();
  app.option("--connections", settings->connections, "To the database, of each contender").between(1, 50).default_shown();
  app.option("--count", settings->hermes_messages, "Messages from the broker to Hermes").positive().default_shown();
  app.option("--plain-count", settings->subscriber_messages, "Messages from the broker to the plain subscriber")
      .positive()
      .default_shown();
  add_json_flag(app, cli.settings);
  app.runs(cli, [&cli, settings] {
    tools::set_up_logging({.log_level = "warn"});
    const PeersResult result = measure_peers(*settings);
    if (cli.settings.json) {
      tools::print_json(to_json(result));
    } else {
      std::cout << to_text(result);
    }
    return tools::kDone;
  });
}

}  // namespace hermes::bench
