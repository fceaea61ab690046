// The config file: settings with the names of the environment, one per line, in TOML or shell style:
//
//   POSTGRES_HOST = "db.example.org"   # a comment
//   POSTGRES_PASSWORD_FILE = "/etc/hermes/password"
//
// Values: "double quotes" with \" and \\ as escapes, 'single quotes' with none, or a bare word. (CLI11's own reader takes a '#'
// in quotes for a comment, and a word without '=' for a setting.) So the file that run_chat.sh writes (.hermes/env) and a
// systemd EnvironmentFile work as config files too.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hermes::tools {

struct ConfigError {
  std::string message;  // one line: path:line: what is wrong
};

using ConfigEntries = std::vector<std::pair<std::string, std::string>>;  // name, value, in the order of the file

Result<ConfigEntries, ConfigError> read_config_file(const std::string& path);

// The files to read. It is the one named by --config in `arguments`, or else by HERMES_CONFIG. Otherwise these, as far as they
// exist, and the first that sets a value wins: the file of run_chat.sh in this folder ($HERMES_STATE_DIR/env, or .hermes/env;
// only if it is our own file: a stranger's folder must not choose our servers), $XDG_CONFIG_HOME/hermes/hermes.conf (~/.config
// by default), /etc/hermes/hermes.conf.
std::vector<std::string> config_files(std::span<const std::string> arguments);

// Puts the entries into the environment, except those that it already has. So flags win over the environment and the
// environment over the file, for every setting of every subcommand. Returns the names that are not in `known`. Requires: no
// other thread runs yet (setenv).
std::vector<std::string> apply_config(const ConfigEntries& entries, std::span<const std::string> known);

}  // namespace hermes::tools
