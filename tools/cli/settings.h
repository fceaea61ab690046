// The settings of the subcommands from flags, environment and config file. tools/cli/options.h declares the flags.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eventstore/postgres/settings.h"

namespace hermes::tools {

// The settings of section "Settings" in README, one for all subcommands. Passwords are never flags: others on the machine can
// read a command line. They come from the environment, the config file, or a file named by POSTGRES_PASSWORD_FILE and
// MQTT_PASSWORD_FILE.
struct Settings {
  std::string mqtt_host = "127.0.0.1";  // MQTT_BROKER_HOST
  std::uint16_t mqtt_port = 1883;       // MQTT_BROKER_PORT
  std::string mqtt_topic = "chat/messages";
  std::string mqtt_username;              // MQTT_USERNAME; empty: anonymous
  std::string mqtt_password;              // MQTT_PASSWORD, MQTT_PASSWORD_FILE
  postgres::Settings postgres;            // POSTGRES_HOST, _PORT, _DB, _USER, _PASSWORD, _PASSWORD_FILE
  std::string user_id;                    // CHAT_USER_ID
  std::string user_name;                  // CHAT_USER_NAME
  bool json = false;                      // --json
  std::vector<std::string> config_files;  // the ones that were read
};

}  // namespace hermes::tools
