#include "tools/options.h"

namespace hermes::tools {

CLI::App& add_subcommand(CLI::App& parent, const std::string& name, const std::string& description,
                         std::initializer_list<std::string_view> examples) {
  CLI::App* app = parent.add_subcommand(name, description);
  std::string footer = examples.size() == 1 ? "Example:" : "Examples:";
  for (std::string_view example : examples) footer += "\n  " + std::string(example);
  app->footer(footer);
  return *app;
}

void add_mqtt_options(CLI::App& app, Settings& settings) {
  const std::string group = "MQTT broker";
  app.add_option("--mqtt-host", settings.mqtt_host, "Host of the broker")
      ->envname("MQTT_BROKER_HOST")
      ->capture_default_str()
      ->group(group);
  app.add_option("--mqtt-port", settings.mqtt_port, "Port of the broker")
      ->envname("MQTT_BROKER_PORT")
      ->capture_default_str()
      ->group(group);
  app.add_option("--mqtt-topic", settings.mqtt_topic, "Root of the chat's topics")
      ->envname("MQTT_TOPIC")
      ->check(CLI::Validator(
          [](const std::string& topic) -> std::string {
            // Messages are published below it; a filter is nothing to publish to (MQTT 5, 4.7.1).
            if (topic.empty()) return "MQTT_TOPIC is empty; the usual one is chat/messages";
            if (topic.find_first_of("+#") == std::string::npos) return {};
            return "MQTT_TOPIC '" + topic +
                   "' is a filter: it is the root of the chat's topics, without + and #, such as chat/messages";
          },
          ""))
      ->capture_default_str()
      ->group(group);
  app.add_option("--mqtt-username", settings.mqtt_username,
                 "User at the broker (its password: MQTT_PASSWORD or MQTT_PASSWORD_FILE)")
      ->envname("MQTT_USERNAME")
      ->group(group);
}

void add_postgres_options(CLI::App& app, Settings& settings) {
  const std::string group = "PostgreSQL (password: POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE)";
  app.add_option("--postgres-host", settings.postgres.host,
                 "Host of the database, or the folder of its socket; a server and its standbys with commas between them")
      ->envname("POSTGRES_HOST")
      ->capture_default_str()
      ->group(group);
  app.add_option("--postgres-port", settings.postgres.ports,
                 "Port of the database; of several hosts: one for all, or one for each")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->envname("POSTGRES_PORT")
      ->capture_default_str()
      ->group(group);
  app.add_option("--postgres-db", settings.postgres.database, "Name of the database")
      ->envname("POSTGRES_DB")
      ->capture_default_str()
      ->group(group);
  app.add_option("--postgres-user", settings.postgres.user, "User of the database")
      ->envname("POSTGRES_USER")
      ->capture_default_str()
      ->group(group);
}

void add_json_flag(CLI::App& app, Settings& settings) { app.add_flag("--json", settings.json, "Print JSON, for programs"); }

CLI::Validator not_empty() {
  return CLI::Validator([](const std::string& value) { return value.empty() ? std::string("is empty") : std::string(); }, "");
}

}  // namespace hermes::tools
