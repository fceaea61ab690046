// What all subcommands share: settings from flags, environment and a config file (in that order), exit codes, errors of one
// line. Output helpers are in tools/output.h.
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

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "domain/printable_text.h"
#include "eventstore/postgres/connection.h"

namespace hermes::tools {

// Text from messages, safe to print.
using domain::escape_for_terminal;

enum ExitCode : int {
  kDone = 0,
  kFoundProblem = 1,  // it found a problem, or did not find the thing
  kUsage = 2,
  kUnreachable = 3  // broker or database out of reach
};

// Ends the command: one line on stderr ("hermes: ...": what, where, what to do) and an exit code. Caught once, in run().
class CommandError : public std::runtime_error {
 public:
  CommandError(ExitCode exit_code, const std::string& message) : std::runtime_error(message), code(exit_code) {}
  ExitCode code;
};

// The settings of section "Settings" in README, one for all subcommands. Passwords are never flags: others on the machine can
// read a command line. They come from the environment, the config file, or a file named by POSTGRES_PASSWORD_FILE and
// MQTT_PASSWORD_FILE.
struct Settings {
  std::string mqtt_host = "127.0.0.1";  // MQTT_BROKER_HOST
  std::uint16_t mqtt_port = 1883;       // MQTT_BROKER_PORT
  std::string mqtt_topic = "chat/messages";
  std::string mqtt_username;    // MQTT_USERNAME; empty: anonymous
  std::string mqtt_password;    // MQTT_PASSWORD, MQTT_PASSWORD_FILE
  postgres::Settings postgres;  // POSTGRES_HOST, _PORT, _DB, _USER, _PASSWORD, _PASSWORD_FILE
  std::string user_id;          // CHAT_USER_ID
  std::string user_name;        // CHAT_USER_NAME
  bool json = false;            // --json
  std::vector<std::string> config_files;  // that were read
};

struct Cli {
  Settings settings;
  std::function<ExitCode()> run;  // set by the callback of the subcommand that was chosen
};

// Declares a subcommand whose --help ends with `examples` (at least one; whole command lines).
CLI::App& add_subcommand(CLI::App& parent, const std::string& name, const std::string& description,
                         std::initializer_list<std::string_view> examples);

// Declares --mqtt-host, --postgres-host, ... with their environment names on `app`; each subcommand takes what it needs.
void add_mqtt_options(CLI::App& app, Settings& settings);
void add_postgres_options(CLI::App& app, Settings& settings);
void add_json_flag(CLI::App& app, Settings& settings);

// For options whose empty value would mean the same as none: in a script it is a variable that was never set, and the command
// would do something else than what was meant.
CLI::Validator not_empty();

// Connects, or throws CommandError(kUnreachable). `role`: hermes_ingester, hermes_projector, hermes_reader, or empty.
postgres::ConnectionPtr connect(const Settings& settings, std::string_view role = {});

// For a database that answers and takes no writes (eventstore::kTakesNoWrites): as good as out of reach to whoever wants to
// write, and what several hosts of POSTGRES_HOST end with when all of them are so. `words`: the server's.
CommandError takes_no_writes(const Settings& settings, const std::string& words);

// "0.1.0"
std::string version();

// Whether colours may be used on stdout: a terminal, and NO_COLOR is not set (no-color.org).
bool colours_wanted();

// How a command's last words, the one line of an error, are said instead of on stderr after "hermes: ": by a service whose log has
// a form of its own.
void say_errors_by(std::function<void(const std::string&)> say);

using AddCommand = void(CLI::App& root, Cli& cli);

// The whole program: declares `commands`, reads the config file, parses, runs the chosen one, turns every failure into one line
// and an exit code.
int run(int argc, const char* const* argv, std::span<AddCommand* const> commands);

}  // namespace hermes::tools
