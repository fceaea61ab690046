// The command line as a whole: settings from flags, environment and a config file (in that order), exit codes, errors of one
// line. What subcommands share: tools/options.h (their flags), settings.h, command_error.h, connect.h, output.h.
//
// A subcommand `foo` is one file, tools/foo.cc, with add_foo(), registered in tools/commands.h. It is thin: it reads flags,
// calls a library and prints:
//
//   void add_foo(CLI::App& root, Cli& cli) {
//     struct Flags { std::string id; };
//     auto flags = std::make_shared<Flags>();
//     CLI::App& app = add_subcommand(root, "foo", "Says foo of a message.", {"hermes foo m-1", "hermes foo m-1 --json"});
//     add_postgres_options(app, cli.settings);
//     add_json_flag(app, cli.settings);
//     app.add_option("id", flags->id, "The message id")->required();
//     app.callback([&cli, flags] { cli.run = [&cli, flags] { return run_foo(cli.settings, flags->id); }; });
//   }
#pragma once

#include <functional>
#include <span>
#include <string>

#include "tools/command_error.h"
#include "tools/settings.h"

namespace CLI {
class App;
}

namespace hermes::tools {

struct Cli {
  Settings settings;
  std::function<ExitCode()> run;  // set by the callback of the subcommand that was chosen
};

// "0.1.0"
std::string version();

// How a command's last words, the one line of an error, are said instead of on stderr after "hermes: ": by a service whose log
// has a form of its own.
void say_errors_by(std::function<void(const std::string&)> say);

using AddCommand = void(CLI::App& root, Cli& cli);

// The whole program: declares `commands`, reads the config file, parses, runs the chosen one, turns every failure into one line
// and an exit code.
int run(int argc, const char* const* argv, std::span<AddCommand* const> commands);

}  // namespace hermes::tools
