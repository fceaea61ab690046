// A migrated database on a server of its own that waits for the disk, as a server in earnest does. Gone with the object.
#pragma once

#include <string>
#include <vector>

#include "eventstore/postgres/connection.h"
#include "tests/servers/environment.h"
#include "tests/servers/private_postgres.h"

namespace hermes::bench {

class MigratedDatabase {
 public:
  explicit MigratedDatabase(std::vector<std::string> server_settings = {});

  // As superuser, or with that role.
  postgres::Settings settings(const std::string& role = {}) const;
  postgres::ConnectionPtr connect(const std::string& role = {}) const;
  // Of a Hermes process that is to use it.
  private_servers::Environment environment() const { return private_servers::environment_for(server_); }

 private:
  private_servers::PrivatePostgres server_;
};

}  // namespace hermes::bench
