#include "tools/cli/options.h"

#include <CLI/App.hpp>
#include <filesystem>
#include <memory>
#include <utility>

#include "tools/cli/setting_checks.h"

namespace hermes::tools {

Option Option::environment(const std::string& name) const {
  option_->envname(name);
  return *this;
}

Option Option::required() const {
  option_->required();
  return *this;
}

Option Option::once() const {
  option_->expected(1);
  return *this;
}

Option Option::comma_separated() const {
  option_->delimiter(',')->allow_extra_args(false);
  return *this;
}

Option Option::excludes(Option other) const {
  option_->excludes(other.option_);
  return *this;
}

Option Option::between(std::int64_t lowest, std::int64_t highest) const {
  option_->check(CLI::Range(lowest, highest));
  return *this;
}

Option Option::positive() const {
  option_->check(CLI::PositiveNumber);
  return *this;
}

Option Option::not_empty() const {
  return check([](const std::string& text) { return text.empty() ? std::string("is empty") : std::string(); });
}

Option Option::one_of(std::vector<std::string> words) const {
  option_->check(CLI::IsMember(std::move(words)));
  return *this;
}

Option Option::check(CheckText problem) const {
  option_->check(CLI::Validator(std::move(problem), ""));
  return *this;
}

Option Option::bytes() const {
  option_->transform(CLI::AsSizeValue(false).description(""));
  return *this;
}

Option Option::type_name(const std::string& name) const {
  option_->type_name(name);
  return *this;
}

Option Option::default_shown() const {
  option_->capture_default_str();
  return *this;
}

Option Option::group(const std::string& heading) const {
  option_->group(heading);
  return *this;
}

bool Option::is_given() const { return option_->count() > 0; }

Command Command::subcommand(const std::string& name, const std::string& description,
                            std::initializer_list<std::string_view> examples) const {
  CLI::App* app = app_->add_subcommand(name, description);
  std::string footer = examples.size() == 1 ? "Example:" : "Examples:";
  for (std::string_view example : examples) footer += "\n  " + std::string(example);
  app->footer(footer);
  return Command(*app);
}

template <typename T>
Option Command::option(const std::string& names, T& value, const std::string& help) const {
  return Option(*app_->add_option(names, value, help));
}

template Option Command::option(const std::string&, std::string&, const std::string&) const;
template Option Command::option(const std::string&, std::filesystem::path&, const std::string&) const;
template Option Command::option(const std::string&, int&, const std::string&) const;
template Option Command::option(const std::string&, double&, const std::string&) const;
template Option Command::option(const std::string&, std::int64_t&, const std::string&) const;
template Option Command::option(const std::string&, std::uint16_t&, const std::string&) const;
template Option Command::option(const std::string&, std::uint64_t&, const std::string&) const;
template Option Command::option(const std::string&, std::optional<int>&, const std::string&) const;
template Option Command::option(const std::string&, std::optional<double>&, const std::string&) const;
template Option Command::option(const std::string&, std::optional<std::int64_t>&, const std::string&) const;
template Option Command::option(const std::string&, std::optional<std::uint64_t>&, const std::string&) const;
template Option Command::option(const std::string&, std::vector<std::string>&, const std::string&) const;
template Option Command::option(const std::string&, std::vector<std::uint16_t>&, const std::string&) const;
template Option Command::option(const std::string&, std::vector<std::int64_t>&, const std::string&) const;

// CLI11's own optional treats "" as no value.
Option Command::option(const std::string& names, std::optional<std::string>& value, const std::string& help) const {
  return Option(*app_->add_option_function<std::string>(
      names, [&value](const std::string& text) { value = text; }, help));
}

Option Command::option(const std::string& names, CheckText take, const std::string& help) const {
  const auto keep = [names, take = std::move(take)](const std::string& text) {
    if (const std::string problem = take(text); !problem.empty()) throw CLI::ValidationError(names, problem);
  };
  return Option(*app_->add_option_function<std::string>(names, keep, help));
}

Option Command::flag(const std::string& names, bool& value, const std::string& help) const {
  return Option(*app_->add_flag(names, value, help));
}

void Command::requires_subcommand() const { app_->require_subcommand(1); }

void Command::hide() const { app_->group(""); }

void Command::runs(Cli& cli, std::function<ExitCode()> run) const {
  app_->callback([&cli, run = std::move(run)] { cli.run = run; });
}

void add_mqtt_options(const Command& command, Settings& settings) {
  const std::string group = "MQTT broker";
  command.option("--mqtt-host", settings.mqtt_host, "Host of the broker")
      .environment("MQTT_BROKER_HOST")
      .check(check_host)
      .default_shown()
      .group(group);
  command.option("--mqtt-port", settings.mqtt_port, "Port of the broker")
      .environment("MQTT_BROKER_PORT")
      .between(1, 65'535)
      .default_shown()
      .group(group);
  command.option("--mqtt-topic", settings.mqtt_topic, "Root of the chat's topics")
      .environment("MQTT_TOPIC")
      .check(check_topic_root)
      .default_shown()
      .group(group);
  command
      .option("--mqtt-username", settings.mqtt_username,
              "User at the broker (its password: MQTT_PASSWORD or MQTT_PASSWORD_FILE)")
      .environment("MQTT_USERNAME")
      .check(check_mqtt_user)
      .group(group);
}

void add_postgres_options(const Command& command, Settings& settings) {
  const std::string group = "PostgreSQL (password: POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE)";
  command
      .option("--postgres-host", settings.postgres.host,
              "Host of the database, or the folder of its socket; a server and its standbys with commas between them")
      .environment("POSTGRES_HOST")
      .check(check_postgres_hosts)
      .default_shown()
      .group(group);
  command
      .option("--postgres-port", settings.postgres.ports,
              "Port of the database; of several hosts: one for all, or one for each")
      .comma_separated()
      .environment("POSTGRES_PORT")
      .between(1, 65'535)
      .default_shown()
      .group(group);
  command.option("--postgres-db", settings.postgres.database, "Name of the database")
      .environment("POSTGRES_DB")
      .check(check_postgres_name)
      .default_shown()
      .group(group);
  command.option("--postgres-user", settings.postgres.user, "User of the database")
      .environment("POSTGRES_USER")
      .check(check_postgres_name)
      .default_shown()
      .group(group);
}

void add_json_flag(const Command& command, Settings& settings) {
  command.flag("--json", settings.json, "Print JSON, for programs");
}

}  // namespace hermes::tools
