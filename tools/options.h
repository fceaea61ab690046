// Declares subcommands and the flags that several of them have. Only what declares flags includes this: CLI11 takes seconds of
// each file that does.
#pragma once

#include <CLI/App.hpp>
#include <initializer_list>
#include <string>
#include <string_view>

#include "tools/cli.h"

namespace hermes::tools {

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

}  // namespace hermes::tools
