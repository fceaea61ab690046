#include "tools/cli/cli.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <pqxx/except>
#include <string_view>
#include <vector>

#include "base/closest_word.h"
#include "eventstore/postgres/failure.h"
#include "eventstore/postgres/server_message.h"
#include "tools/cli/config_file.h"
#include "tools/cli/connect.h"
#include "tools/cli/options.h"
#include "tools/cli/secret.h"

namespace hermes::tools {
namespace {

// Names that a config file may hold besides the subcommands' settings: passwords, which are never flags, and run_chat.sh's own
// entries in .hermes/env.
constexpr std::string_view kOtherNames[] = {
    "POSTGRES_PASSWORD",     "POSTGRES_PASSWORD_FILE", "MQTT_PASSWORD",          "MQTT_PASSWORD_FILE", "HERMES_STATE_DIR",
    "HERMES_RUNTIME",        "HERMES_QUERY_URL",       "HERMES_WEBSOCKETS_PORT", "HERMES_BACKUP_DIR",  "HERMES_INGESTER_PORT",
    "HERMES_PROJECTOR_PORT", "HERMES_SPOOL_DIR",       "HERMES_OUTBOX_DIR"};

std::vector<CLI::App*> subcommands_of(CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

void collect_setting_names(CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_envname().empty()) names.push_back(option->get_envname());
  }
  for (CLI::App* subcommand : subcommands_of(app)) collect_setting_names(*subcommand, names);
}

// Lets options of the root (--config) stand behind the subcommand. Also, CLI11 reads the environment for all subcommands,
// chosen or not, except those with a parse-complete callback. Without one, a subcommand that was not chosen would write
// POSTGRES_HOST into `settings` after the flag of the chosen one.
void prepare(CLI::App& app) {
  for (CLI::App* subcommand : subcommands_of(app)) {
    subcommand->fallthrough();
    subcommand->set_help_all_flag();  // none: only the root has --help-all
    subcommand->parse_complete_callback([] {});
    prepare(*subcommand);
  }
}

// The words that name the chosen subcommand: "hermes rejected list".
std::string chosen_path(CLI::App& root) {
  std::string path = root.get_name();
  CLI::App* app = &root;
  while (true) {
    const auto chosen = app->get_subcommands();
    if (chosen.empty()) return path;
    app = chosen.front();
    path += " " + app->get_name();
  }
}

bool takes(CLI::App& root, const std::string& option) {
  CLI::App* app = &root;
  while (true) {
    if (app->get_option_no_throw(option) != nullptr) return true;
    const auto chosen = app->get_subcommands();
    if (chosen.empty()) return false;
    app = chosen.front();
  }
}

// The options of the chosen subcommand and of those above it.
std::vector<std::string> option_names(CLI::App& root) {
  std::vector<std::string> names;
  CLI::App* app = &root;
  while (true) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    const auto chosen = app->get_subcommands();
    if (chosen.empty()) return names;
    app = chosen.front();
  }
}

void read_secrets(CLI::App& root, Settings& settings) {
  if (takes(root, "--postgres-host")) {
    settings.postgres.password = secret("POSTGRES_PASSWORD");
    settings.postgres.password_file = secret_file("POSTGRES_PASSWORD");
  }
  if (takes(root, "--mqtt-host")) settings.mqtt_password = secret("MQTT_PASSWORD");
}

void read_config_files(CLI::App& root, std::span<const std::string> arguments, Settings& settings) {
  std::vector<std::string> known(std::begin(kOtherNames), std::end(kOtherNames));
  collect_setting_names(root, known);
  for (const std::string& path : config_files(arguments)) {
    auto entries = read_config_file(path);
    if (!entries) throw CommandError(kUsage, entries.error().message);
    settings.config_files.push_back(path);
    for (const std::string& name : apply_config(*entries, known)) {
      const std::string meant = closest_word(name, known);
      std::cerr << "hermes: warning: " << path << ": there is no setting " << escape_for_terminal(name)
                << (meant.empty() ? "" : "; did you mean " + meant + "?") << '\n';
    }
  }
}

// CLI11's problem in one line, in our words where its own say too little.
std::string usage_problem(CLI::App& root, const CLI::ParseError& error) {
  // CLI11 reports a missing option before an unknown one, which may be the same option misspelt.
  for (const std::string& unknown : root.remaining(true)) {
    if (!unknown.starts_with('-') || unknown == "--") continue;
    const std::string name = unknown.substr(0, unknown.find('='));
    const std::string meant = closest_word(name, option_names(root));
    return "there is no option " + escape_for_terminal(name) + (meant.empty() ? "." : "; did you mean " + meant + "?");
  }
  CLI::App* chosen = &root;
  while (!chosen->get_subcommands().empty()) chosen = chosen->get_subcommands().front();
  const auto rest = root.remaining(true);
  if (!subcommands_of(*chosen).empty() && !rest.empty()) {
    std::vector<std::string> names;
    for (const CLI::App* subcommand : subcommands_of(*chosen)) names.push_back(subcommand->get_name());
    const std::string meant = closest_word(rest.front(), names);
    return "there is no subcommand " + escape_for_terminal(rest.front()) +
           (meant.empty() ? "." : "; did you mean " + meant + "?");
  }
  const std::string problem = escape_for_terminal(error.what());
  return problem + (problem.ends_with('?') || problem.ends_with('.') ? "" : ".");
}

std::function<void(const std::string&)> say_error = [](const std::string& problem) {
  std::cerr << "hermes: " << problem << '\n';
};

// The server's message in one line, without "ERROR: " and the excerpt of our SQL, which tell the user nothing.
std::string words_of(std::string_view message) {
  std::string line = postgres::first_line(message);
  if (const std::string_view detail = postgres::labelled(message, "DETAIL"); !detail.empty()) line.append(". ").append(detail);
  while (line.ends_with('.')) line.pop_back();
  return escape_for_terminal(line);
}

// The error for a statement that the database refused, by PostgreSQL's SQLSTATE classes (manual, appendix A).
CommandError refusal(const pqxx::sql_error& error, const Settings& settings) {
  const std::string where = postgres::address_of(settings.postgres);
  const std::string words = words_of(error.what());
  // Not every exception class of libpqxx keeps the SQLSTATE.
  std::string state = error.sqlstate();
  if (dynamic_cast<const pqxx::undefined_table*>(&error) != nullptr) state = "42P01";
  if (dynamic_cast<const pqxx::insufficient_privilege*>(&error) != nullptr) state = "42501";
  if (state.starts_with("08") || state.starts_with("57P")) {
    return {kUnreachable, "lost the connection to PostgreSQL at " + where + ": " + words + ". Try: hermes doctor"};
  }
  if (state == eventstore::kTakesNoWrites) return takes_no_writes(settings, words);
  if (state == "42P01" || state == "42883") {  // no such table, no such function
    return {kFoundProblem, "the database is not migrated: " + words + ". Try: hermes migrate"};
  }
  if (state == "42501") {
    return {kFoundProblem, "user " + escape_for_terminal(settings.postgres.user) + " may not do that: " + words +
                               ". It takes the user who owns the database; see: hermes doctor"};
  }
  return {kFoundProblem, words};
}

// Prints one line, whatever text from others it contains.
int complain(ExitCode code, const std::string& problem) {
  std::cout.flush();
  say_error(escape_for_terminal(problem));
  return code;
}

ExitCode run_chosen(CLI::App& root, Cli& cli, std::vector<std::string> arguments) {
  read_config_files(root, arguments, cli.settings);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  root.parse(std::move(arguments));
  if (!cli.run) {
    std::cout << root.help();
    return kDone;
  }
  read_secrets(root, cli.settings);
  const ExitCode code = cli.run();
  // Fails on a full disk or a closed pipe: truncated output must not look complete.
  if (!std::cout.flush()) throw CommandError(kFoundProblem, "cannot write to standard output");
  return code;
}

}  // namespace

std::string version() { return HERMES_VERSION; }

void say_errors_by(std::function<void(const std::string&)> say) { say_error = std::move(say); }

int run(int argc, const char* const* argv, std::span<AddCommand* const> commands, const Program& program) {
  Cli cli;
  CLI::App root(program.description, program.name);
  root.set_version_flag("--version", program.name + " " HERMES_VERSION, "Print the version");
  root.set_help_all_flag("--help-all", "Print the help of every subcommand");
  root.require_subcommand(0, 1);
  std::string config;  // config_files() reads it; declared for --help and so that CLI11 accepts it
  root.add_option("--config", config, "Settings file: NAME = \"value\" lines, names as in the environment")
      ->envname("HERMES_CONFIG");
  root.footer(
      "Settings come from flags, the environment and a config file, in that order: the one of --config or HERMES_CONFIG, or "
      "else\n"
      "env in the state folder of run_chat.sh (HERMES_STATE_DIR, or .hermes here), ~/.config/hermes/hermes.conf and\n"
      "/etc/hermes/hermes.conf. Passwords: POSTGRES_PASSWORD, MQTT_PASSWORD, or files named by *_FILE.\n"
      "Exit codes: 0 success, 1 a check failed or what you asked for does not exist, 2 wrong usage, 3 broker or database\n"
      "unreachable.\n\nExample:\n  " +
      program.example);
  for (AddCommand* add : commands) add(Command(root), cli);
  prepare(root);

  try {
    return run_chosen(root, cli, std::vector<std::string>(argv + 1, argv + argc));
  } catch (const CLI::Success& success) {  // --help, --help-all, --version
    return root.exit(success);
  } catch (const CLI::ParseError& error) {
    return complain(kUsage, usage_problem(root, error) + " See: " + chosen_path(root) + " --help");
  } catch (const CommandError& error) {
    return complain(error.code, error.what());
  } catch (const pqxx::broken_connection& error) {
    // libpqxx says this if it notices the lost connection while it quotes a value.
    const bool says_nothing = std::string_view(error.what()).starts_with("Could not obtain client encoding");
    return complain(kUnreachable, "lost the connection to PostgreSQL at " + postgres::address_of(cli.settings.postgres) +
                                      (says_nothing ? "" : ": " + words_of(error.what())) + ". Try: hermes doctor");
  } catch (const pqxx::sql_error& error) {
    const CommandError refused = refusal(error, cli.settings);
    return complain(refused.code, refused.what());
  } catch (const std::exception& error) {
    return complain(kFoundProblem, escape_for_terminal(error.what()));
  }
}

}  // namespace hermes::tools
