// Subcommands and the options that they declare, on top of CLI11. Only options.cc and cli.cc include CLI11, since it adds
// seconds to the build of each file. Command and Option are handles, cheap to copy, and valid while run() of tools/cli/cli.h
// runs.
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

// Returns nothing, or what is wrong with the text. CLI11 puts the option's name before it.
using CheckText = std::function<std::string(const std::string& text)>;

// An option, a flag or a positional argument. Each call restricts it further:
//
//   app.option("--jobs", flags->jobs, "Checks at a time").between(1, 64).default_shown();
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}

  Option environment(const std::string& name) const;  // its name in the environment and in config files
  Option required() const;
  Option once() const;             // for a list: one value each time
  Option comma_separated() const;  // for a list: all its values in one text
  Option excludes(Option other) const;
  Option between(std::int64_t lowest, std::int64_t highest) const;
  Option positive() const;
  // For options where "" would mean "no value": in a script, "" comes from a variable that was never set, and the command would
  // do something that was not meant.
  Option not_empty() const;
  Option one_of(std::vector<std::string> words) const;
  Option check(CheckText problem) const;
  Option bytes() const;                             // a number of bytes; suffixes KiB, MiB, GiB are allowed
  Option type_name(const std::string& name) const;  // the name of the value in --help
  Option default_shown() const;                     // --help shows the present value of the variable
  Option group(const std::string& heading) const;   // in --help

  // Whether the command line or the environment sets it. Requires: they have been parsed.
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

  // Stores the given value in `value`, which must live as long as the command may run. `names`: "--long", "--long,-l", or
  // "name" for a positional argument. T: a string, a path or a number, a std::vector of them (the option may be repeated), a
  // std::optional of a number (options.cc has the list).
  template <typename T>
  Option option(const std::string& names, T& value, const std::string& help) const;
  // "" is a value like any other.
  Option option(const std::string& names, std::optional<std::string>& value, const std::string& help) const;
  // For other types: `take` parses and stores the text.
  Option option(const std::string& names, CheckText take, const std::string& help) const;
  Option flag(const std::string& names, bool& value, const std::string& help) const;

  void requires_subcommand() const;
  void hide() const;  // from the help of the command above it
  // What the subcommand does when it is chosen: Cli::run.
  void runs(Cli& cli, std::function<ExitCode()> run) const;

 private:
  CLI::App* app_;
};

// Declares --mqtt-host, --postgres-host, ... with their environment names; each subcommand takes what it needs.
void add_mqtt_options(const Command& command, Settings& settings);
void add_postgres_options(const Command& command, Settings& settings);
void add_json_flag(const Command& command, Settings& settings);

}  // namespace hermes::tools
