// What all subcommands share: settings from flags, environment and a config file (in that order), exit codes, errors of one
// line, and output that is a table for people or JSON for programs.
//
// A subcommand is one file: add_NAME() declares its flags on `app` and stores what to do in `cli.run`. It is thin: it reads
// flags, calls a library and prints.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "eventstore/postgres/connection.h"

namespace hermes::tools {

enum ExitCode : int {
  kDone = 0,
  kFoundProblem = 1,  // it found a problem, or did not find the thing
  kUsage = 2,
  kUnreachable = 3    // broker or database out of reach
};

// Ends the command: one line on stderr ("hermes: ...") and an exit code. Caught once, in main.
class CommandError : public std::runtime_error {
 public:
  CommandError(ExitCode exit_code, const std::string& message) : std::runtime_error(message), code(exit_code) {}
  ExitCode code;
};

// The settings of section "Settings" in README, one for all subcommands.
struct Settings {
  std::string mqtt_host = "127.0.0.1";  // MQTT_BROKER_HOST
  std::uint16_t mqtt_port = 1883;       // MQTT_BROKER_PORT
  std::string mqtt_topic = "chat/messages";
  postgres::Settings postgres;          // POSTGRES_HOST, _PORT, _DB, _USER, _PASSWORD
  std::string user_id;                  // CHAT_USER_ID
  std::string user_name;                // CHAT_USER_NAME
  bool json = false;                    // --json
};

struct Cli {
  Settings settings;
  std::function<ExitCode()> run;  // set by the callback of the subcommand that was chosen
};

// Declares --mqtt-host, --postgres-host, ... with their environment names on `app`; each subcommand takes what it needs.
void add_mqtt_options(CLI::App& app, Settings& settings);
void add_postgres_options(CLI::App& app, Settings& settings);
void add_json_flag(CLI::App& app, Settings& settings);

// Connects, or throws CommandError(kUnreachable). `role`: hermes_ingester, hermes_projector, hermes_reader, or empty.
postgres::ConnectionPtr connect(const Settings& settings, std::string_view role = {});

// Text from messages, safe to print: control characters (C0, C1, DEL, bidirectional overrides) as \n, \x1b, \u202e.
std::string escape_for_terminal(std::string_view text);

// Whether colours may be used on stdout: a terminal, and NO_COLOR is not set.
bool colours_wanted();

}  // namespace hermes::tools
