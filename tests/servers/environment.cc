#include "tests/servers/environment.h"

namespace hermes::private_servers {

Environment environment_for(const PrivatePostgres& postgres) {
  const postgres::Settings settings = postgres.settings();
  return {{"POSTGRES_HOST", settings.host},
          {"POSTGRES_PORT", std::to_string(postgres.port())},
          {"POSTGRES_DB", settings.database},
          {"POSTGRES_USER", settings.user},
          {"POSTGRES_PASSWORD", settings.password}};
}

Environment environment_for(const PrivateMosquitto& mosquitto) {
  return {{"MQTT_BROKER_HOST", "127.0.0.1"}, {"MQTT_BROKER_PORT", std::to_string(mosquitto.port())}};
}

Environment environment_for(const PrivatePostgres& postgres, const PrivateMosquitto& mosquitto) {
  Environment both = environment_for(postgres);
  both.merge(environment_for(mosquitto));
  return both;
}

}  // namespace hermes::private_servers
