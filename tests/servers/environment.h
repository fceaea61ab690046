// The settings of a Hermes process (README, "Settings") that is to use these servers.
#pragma once

#include "tests/servers/private_mosquitto.h"
#include "tests/servers/private_postgres.h"
#include "tests/servers/process.h"

namespace hermes::private_servers {

Environment environment_for(const PrivatePostgres& postgres);
Environment environment_for(const PrivateMosquitto& mosquitto);
Environment environment_for(const PrivatePostgres& postgres, const PrivateMosquitto& mosquitto);

}  // namespace hermes::private_servers
