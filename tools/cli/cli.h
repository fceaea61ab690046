// The command line as a whole: settings from flags, environment and a config file (the first wins), exit codes, errors in one
// line. Subcommands share tools/cli/options.h (their options), settings.h, command_error.h, connect.h, output.h.
//
// A subcommand `foo` is one file, tools/commands/foo.cc, with add_foo(), registered in tools/commands/commands.h. It is thin:
// it reads flags, calls a library and prints:
//
//   void add_foo(const Command& root, Cli& cli) {
//     struct Flags { std::string id; };
//     auto flags = std::make_shared<Flags>();
//     const Command app = root.subcommand("foo", "Says foo of a message.", {"hermes foo m-1", "hermes foo m-1 --json"});
//     add_postgres_options(app, cli.settings);
//     add_json_flag(app, cli.settings);
//     app.option("id", flags->id, "The message id").required();
//     app.runs(cli, [&cli, flags] { return run_foo(cli.settings, flags->id); });
//   }
#pragma once

#include <functional>
#include <span>
#include <string>

#include "tools/cli/command_error.h"
#include "tools/cli/settings.h"

namespace hermes::tools {

class Command;

struct Cli {
  Settings settings;
  std::function<ExitCode()> run;  // runs the chosen subcommand (Command::runs)
};

// "0.1.0"
std::string version();

// Sends the one line of a command's error to `say` instead of to stderr after "hermes: ", for a service whose log has its own
// form.
void say_errors_by(std::function<void(const std::string&)> say);

using AddCommand = void(const Command& root, Cli& cli);

struct Program {
  std::string name = "hermes";
  std::string description =
      "Hermes stores chat over MQTT as an immutable log of events, and answers what happened to each message.";
  std::string example = "hermes timeline 7d9f0c52-90f6-4a3e-8f3d-5f1f8a0c1b2e";
};

// The whole program: declares `commands`, reads the config file, parses, runs the chosen one, turns every failure into one line
// and an exit code.
int run(int argc, const char* const* argv, std::span<AddCommand* const> commands, const Program& program = {});

}  // namespace hermes::tools
