// The names that tests use for the private servers of tests/servers, and the command under test.
#pragma once

#include <string>

#include "tests/servers/environment.h"
#include "tests/servers/free_port.h"
#include "tests/servers/private_mosquitto.h"
#include "tests/servers/private_postgres.h"
#include "tests/servers/process.h"
#include "tests/servers/temporary_folder.h"

namespace hermes::test_support {

using private_servers::accepts_connections;
using private_servers::Environment;
using private_servers::environment_for;
using private_servers::Finished;
using private_servers::free_port;
using private_servers::MosquittoOptions;
using private_servers::PostgresOptions;
using private_servers::PrivateMosquitto;
using private_servers::PrivatePostgres;
using private_servers::Process;
using private_servers::ProcessOptions;
using private_servers::run;
using private_servers::TemporaryFolder;

// build/<preset>/hermes. A test that runs it says so with add_dependencies(its_target hermes).
std::string hermes_command();

}  // namespace hermes::test_support
