// Subcommands and the options that they declare, over CLI11, which stays in options.cc and cli.cc: it takes seconds of each
// file that includes it. Command and Option are handles, cheap to copy, and valid for as long as run() of tools/cli/cli.h runs.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/cli.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace hermes::tools {

// Nothing, or what is wrong with it. CLI11 says before it which option it was.
using CheckText = std::function<std::string(const std::string& text)>;

// An option, a flag or an argument by its place. Each call narrows it further:
//
//   app.option("--jobs", flags->jobs, "Checks at a time").between(1, 64).default_shown();
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}

  Option environment(const std::string& name) const;  // its name there and in config files
  Option required() const;
  Option once() const;             // of a list: one value
  Option comma_separated() const;  // of a list: all its values in one text
  Option excludes(Option other) const;
  Option between(std::int64_t lowest, std::int64_t highest) const;
  Option positive() const;
  // Where "" would mean the same as none: in a script it is a variable that was never set, and the command would do something
  // else than what was meant.
  Option not_empty() const;
  Option one_of(std::vector<std::string> words) const;
  Option check(CheckText problem) const;
  Option bytes() const;                             // a number of bytes, with the suffixes KiB, MiB, GiB if wanted
  Option type_name(const std::string& name) const;  // what --help calls the value
  Option default_shown() const;                     // by --help: the value that the variable has now
  Option group(const std::string& heading) const;   // of --help

  // Whether the command line or the environment has it. Requires: they have been parsed.
  bool is_given() const;

 private:
  CLI::Option* option_;
};

class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  // Its --help ends with `examples` (at least one; whole command lines).
  Command subcommand(const std::string& name, const std::string& description,
                     std::initializer_list<std::string_view> examples) const;

  // Writes what was given to `value`, which must live as long as the command may run. `names`: "--long", "--long,-l", or "name"
  // for an argument by its place. T: a string, a path or a number, a std::vector of them (it may be given several times), a
  // std::optional of a number (options.cc has the list).
  template <typename T>
  Option option(const std::string& names, T& value, const std::string& help) const;
  // "" is a value like any other.
  Option option(const std::string& names, std::optional<std::string>& value, const std::string& help) const;
  // For other types: `take` keeps what the text means.
  Option option(const std::string& names, CheckText take, const std::string& help) const;
  Option flag(const std::string& names, bool& value, const std::string& help) const;

  void requires_subcommand() const;
  void hide() const;  // from the help of the command above it
  // What it does when it is chosen: Cli::run.
  void runs(Cli& cli, std::function<ExitCode()> run) const;

 private:
  CLI::App* app_;
};

// Declares --mqtt-host, --postgres-host, ... with their environment names; each subcommand takes what it needs.
void add_mqtt_options(const Command& command, Settings& settings);
void add_postgres_options(const Command& command, Settings& settings);
void add_json_flag(const Command& command, Settings& settings);

}  // namespace hermes::tools
