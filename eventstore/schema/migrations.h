// Migrations: migrations/NNNN_what_it_does.sql, embedded in the binary, applied in order, each in a transaction of its own,
// under an advisory lock so that two processes can start at once. The table hermes_schema_migrations keeps number, name,
// checksum (SHA-256 of the file) and time.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

struct Migration {
  int number;
  std::string_view name;  // what_it_does
  std::string_view sql;
};

// The migrations in this binary, in order.
std::span<const Migration> embedded_migrations();

// The encoding of a database for Hermes, and how to make one.
constexpr const char* kEncoding = "UTF8";
constexpr const char* kMakeDatabase = "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0";

struct MigrationError {
  enum class Kind {
    behind,     // the database lacks migrations: run hermes migrate
    different,  // a migration was changed or is missing here, the database is newer, or has another partition count
    no_writes,  // the database takes none, as a standby or read-only; the message is its own
    refused     // the message is the database's
  } kind;
  std::string message;  // one line: what is wrong, and what to do where that is known
};

struct MigrateOptions {
  // How many partitions a new log gets; nothing: kDefaultPartitionCount. For an existing log, another count is refused: the
  // count decides where a stream lives, so it can't change.
  std::optional<int> partition_count = {};
  // Only checks, and returns what would be applied.
  bool dry_run = false;
  // Called for each missing role and grant (eventstore/schema/access.h) that has been made (with dry_run: would be).
  std::function<void(const std::string& told)> on_access = {};
};

// Applies the missing migrations, in order, and returns them. Missing roles and grants are made in any case, even if no
// migration is missing: they get lost when a database moves to another cluster. Requires: no transaction is open; the
// connection is the owner's (no SET ROLE). A number below those already applied is no error: folders have their own ranges of
// numbers. Throws pqxx::broken_connection when the connection dies: the migrations applied until then stay, and another call
// goes on from there.
Result<std::vector<Migration>, MigrationError> migrate(postgres::Connection& connection,
                                                       std::span<const Migration> migrations = embedded_migrations(),
                                                       MigrateOptions options = {});

// Checks that the database is exactly at this binary's version; services call it before they start.
Result<Done, MigrationError> check_migrated(postgres::Connection& connection,
                                            std::span<const Migration> migrations = embedded_migrations());

// The log's partition count, from its settings row; checked against the heads. Throws std::runtime_error if they disagree.
// Requires: a migrated database.
int read_partition_count(postgres::Connection& connection);

}  // namespace hermes::eventstore
