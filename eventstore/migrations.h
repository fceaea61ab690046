// Migrations: migrations/NNNN_what_it_does.sql, embedded in the binary, applied in order, each in a transaction of its own,
// under an advisory lock so that two processes can start at once. The table schema_migrations keeps number, name, checksum
// (SHA-256 of the file) and time.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/result.h"
#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

struct Migration {
  int number;
  std::string_view name;  // what_it_does
  std::string_view sql;
};

// What this binary carries, in order.
std::span<const Migration> embedded_migrations();

struct MigrationError {
  std::string message;  // a changed or missing migration, a database newer than this binary, or the database's own words
};

// Applies what is missing and returns it. Requires: no transaction is open.
Result<std::vector<Migration>, MigrationError> migrate(postgres::Connection& connection,
                                                       std::span<const Migration> migrations = embedded_migrations());

// Checks that the database is exactly at this binary's version; services call it before they start.
Result<Done, MigrationError> check_migrated(postgres::Connection& connection);

}  // namespace hermes::eventstore
