// hermes machine: prints the transition tables (domain/machine_diagram.h).
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "domain/machine_diagram.h"
#include "domain/machine_table.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"

namespace hermes::tools {
namespace {

struct Flags {
  std::string format = "text";
  bool typing = false;
};

domain::DiagramFormat format_of(const std::string& name) {
  if (name == "mermaid") return domain::DiagramFormat::mermaid;
  return name == "dot" ? domain::DiagramFormat::dot : domain::DiagramFormat::text;
}

boost::json::object as_json(std::string_view machine, const std::vector<domain::TransitionRow>& rows) {
  boost::json::array transitions;
  for (const auto& row : rows) {
    transitions.push_back({{"state", row.state},
                           {"event", row.event},
                           {"next", row.next},
                           {"recorded", row.recorded},
                           {"only_if", row.note.empty() ? boost::json::value(nullptr) : boost::json::value(row.note)}});
  }
  return {{"machine", machine}, {"transitions", std::move(transitions)}};
}

ExitCode run_machine(const Flags& flags, bool json) {
  if (json) {
    print_json(flags.typing ? as_json("typing", domain::typing_machine_table())
                            : as_json("message", domain::message_machine_table()));
    return kDone;
  }
  const domain::DiagramFormat format = format_of(flags.format);
  std::cout << (flags.typing ? domain::typing_machine_diagram(format) : domain::message_machine_diagram(format));
  return kDone;
}

}  // namespace

void add_machine(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app = root.subcommand("machine", "Prints the transition table that decides which event may follow which.",
                                      {"hermes machine", "hermes machine --format mermaid > machine.mmd",
                                       "hermes machine --typing --format dot | dot -Tsvg > typing.svg"});
  app.option("--format", flags->format, "text, mermaid or dot").one_of({"text", "mermaid", "dot"}).default_shown();
  app.flag("--typing", flags->typing, "The machine of the typing indicator instead of a message's");
  add_json_flag(app, cli.settings);
  app.runs(cli, [&cli, flags] { return run_machine(*flags, cli.settings.json); });
}

}  // namespace hermes::tools
