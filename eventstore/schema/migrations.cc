#include "eventstore/schema/migrations.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <stdexcept>

#include "base/sha256.h"
#include "eventstore/postgres/failure.h"
#include "eventstore/postgres/server_message.h"
#include "eventstore/postgres/statements.h"
#include "eventstore/schema/access.h"
#include "eventstore/schema/partition_count.h"

namespace hermes::eventstore {
namespace {

// Any number that nobody else is likely to use.
constexpr const char* kAdvisoryLock = "114784820224371";

struct Applied {
  std::string name;
  std::string checksum;
};

std::string file_name(int number, std::string_view name) {
  char digits[16];
  std::snprintf(digits, sizeof(digits), "%04d", number);
  return std::string(digits) + "_" + std::string(name) + ".sql";
}

std::string checksum(std::string_view sql) {
  Sha256 sha256;
  sha256.update(sql);
  const Sha256::Digest digest = sha256.finish();
  return postgres::hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

// The server's message in one line: what went wrong, and its hint if it has one.
std::string one_line(std::string_view message) {
  std::string line = postgres::first_line(message);
  if (const std::string_view hint = postgres::labelled(message, "HINT"); !hint.empty()) line.append(". ").append(hint);
  return line;
}

bool table_exists(pqxx::transaction_base& transaction, const std::string& table) {
  return !transaction.exec1("SELECT to_regclass(" + transaction.quote(table) + ")")[0].is_null();
}

// Keeps number, name and checksum of the applied migrations. Its former name is one that other programs use too.
constexpr const char* kTable = "hermes_schema_migrations";
constexpr const char* kFormerTable = "schema_migrations";
// This migration grants on the table by its former name, and can't be changed any more.
constexpr int kNamesFormerTable = 3;

// Whether the table with the former name is ours: it has exactly our columns and holds a migration of ours. Another program's
// is left alone.
bool former_is_ours(pqxx::transaction_base& transaction, std::span<const Migration> migrations) {
  if (!table_exists(transaction, kFormerTable) || migrations.empty()) return false;
  const bool columns =
      transaction
          .exec1(
              "SELECT count(*) = 4 AND bool_and((attname::text, format_type(atttypid, NULL)) IN (('number', 'integer'), "
              "('name', 'text'), "
              "  ('checksum', 'text'), ('applied_at', 'timestamp with time zone'))) "
              "FROM pg_attribute WHERE attrelid = 'schema_migrations'::regclass AND attnum > 0 AND NOT attisdropped")[0]
          .as<bool>();
  if (!columns) return false;
  const Migration& first = migrations.front();
  return transaction
      .exec1("SELECT EXISTS (SELECT FROM schema_migrations WHERE number = " + std::to_string(first.number) +
             " AND name = " + transaction.quote(std::string(first.name)) + ")")[0]
      .as<bool>();
}

std::map<int, Applied> read_applied(pqxx::transaction_base& transaction, std::span<const Migration> migrations) {
  std::map<int, Applied> applied;
  const char* table = kTable;
  if (!table_exists(transaction, kTable)) {
    if (!former_is_ours(transaction, migrations)) return applied;
    table = kFormerTable;
  }
  for (const pqxx::row& row : transaction.exec(std::string("SELECT number, name, checksum FROM ") + table)) {
    applied[row[0].as<int>()] = {row[1].as<std::string>(), row[2].as<std::string>()};
  }
  return applied;
}

// Renames the former table, with its rows, or makes a new one. Does nothing if the table exists.
void ensure_table(postgres::Connection& connection, std::span<const Migration> migrations) {
  pqxx::work work(connection);
  if (table_exists(work, kTable)) return;
  if (former_is_ours(work, migrations)) {
    work.exec0("ALTER TABLE schema_migrations RENAME TO hermes_schema_migrations");
    work.exec0("ALTER INDEX IF EXISTS schema_migrations_pkey RENAME TO hermes_schema_migrations_pkey");
  } else {
    work.exec0(
        "CREATE TABLE hermes_schema_migrations (number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now())");
  }
  work.commit();
}

// The missing migrations, or why this binary and this database don't fit together.
Result<std::vector<Migration>, MigrationError> pending(const std::map<int, Applied>& applied,
                                                       std::span<const Migration> migrations) {
  std::vector<Migration> missing;
  std::map<int, const Migration*> known;
  for (const Migration& migration : migrations) {
    known[migration.number] = &migration;
    if (!applied.contains(migration.number)) missing.push_back(migration);
  }
  const int newest = known.empty() ? 0 : known.rbegin()->first;
  for (const auto& [number, was] : applied) {
    const auto found = known.find(number);
    if (found == known.end() && number > newest) {
      return fail(MigrationError{MigrationError::Kind::different,
                                 "the database is newer than this binary: migration " + file_name(number, was.name) +
                                     " is unknown here. Install the version of Hermes that applied it"});
    }
    if (found == known.end()) {
      return fail(MigrationError{MigrationError::Kind::different,
                                 "migration " + file_name(number, was.name) +
                                     " was applied to the database and is missing from this binary. Restore the file"});
    }
    if (checksum(found->second->sql) != was.checksum) {
      return fail(
          MigrationError{MigrationError::Kind::different,
                         "migration " + file_name(number, found->second->name) +
                             " was changed after it had been applied. Restore it and put the change into a new migration"});
    }
  }
  return missing;
}

// SQL_ASCII takes any bytes and LATIN1 lacks most letters: text that can't be written would stop a projection much later.
Result<Done, MigrationError> check_encoding(pqxx::transaction_base& transaction) {
  const std::string encoding = transaction.exec1("SHOW server_encoding")[0].as<std::string>();
  if (encoding == kEncoding) return Done{};
  return fail(MigrationError{MigrationError::Kind::refused, "the database is encoded in " + encoding +
                                                                ", and Hermes needs UTF8. Make another: " + kMakeDatabase});
}

std::optional<int> stored_partition_count(pqxx::transaction_base& transaction) {
  if (!table_exists(transaction, "event_log_settings")) return std::nullopt;
  return transaction.exec1("SELECT partition_count FROM event_log_settings")[0].as<int>();
}

Result<Done, MigrationError> check_partition_count(std::optional<int> stored, std::optional<int> wanted) {
  if (!wanted) return Done{};
  if (*wanted < 1 || *wanted > kMaxPartitionCount) {
    return fail(MigrationError{
        MigrationError::Kind::different,
        "the partition count must be 1 to " + std::to_string(kMaxPartitionCount) + ", not " + std::to_string(*wanted)});
  }
  if (stored && *stored != *wanted) {
    return fail(MigrationError{MigrationError::Kind::different, "the log has " + std::to_string(*stored) + " partitions, not " +
                                                                    std::to_string(*wanted) +
                                                                    ": the count is fixed when the log is created"});
  }
  return Done{};
}

void apply(postgres::Connection& connection, const Migration& migration, std::optional<int> partition_count) {
  pqxx::work work(connection);
  work.exec1("SELECT set_config('hermes.partition_count', " +
             work.quote(std::to_string(partition_count.value_or(kDefaultPartitionCount))) + ", true)");
  // Temporary tables are found first: the grant goes to one that disappears with the transaction.
  if (migration.number == kNamesFormerTable) work.exec0("CREATE TEMPORARY TABLE schema_migrations () ON COMMIT DROP");
  work.exec(std::string(migration.sql));
  work.exec0("INSERT INTO hermes_schema_migrations (number, name, checksum) VALUES (" + std::to_string(migration.number) +
             ", " + work.quote(std::string(migration.name)) + ", " + work.quote(checksum(migration.sql)) + ")");
  work.commit();
}

void tell(const MigrateOptions& options, const std::string& made) {
  if (options.on_access) options.on_access(made);
}

// Reports what make_roles() and make_grants() would do.
void tell_missing_access(pqxx::transaction_base& transaction, const MigrateOptions& options) {
  for (const RoleProblem& problem : role_problems(transaction)) tell(options, "role " + problem.role);
  for (const MissingGrant& grant : missing_grants(transaction)) tell(options, grant.told);
}

// Reports what was made, or the error.
Result<Done, MigrationError> settle(Result<std::vector<std::string>, AccessError> made, const MigrateOptions& options) {
  if (!made) return fail(MigrationError{MigrationError::Kind::refused, made.error().message});
  for (const std::string& one : *made) tell(options, one);
  return Done{};
}

Result<std::vector<Migration>, MigrationError> migrate_locked(postgres::Connection& connection,
                                                              std::span<const Migration> migrations,
                                                              const MigrateOptions& options) {
  std::vector<Migration> missing;
  {
    pqxx::work work(connection);
    if (auto checked = check_encoding(work); !checked) return fail(checked.error());
    auto found = pending(read_applied(work, migrations), migrations);
    if (!found) return found;
    if (auto checked = check_partition_count(stored_partition_count(work), options.partition_count); !checked) {
      return fail(checked.error());
    }
    missing = std::move(*found);
    if (work.exec1("SELECT current_schema()")[0].is_null()) {
      return fail(
          MigrationError{MigrationError::Kind::refused,
                         "the search_path of this user names no schema that exists: CREATE SCHEMA, or ALTER ROLE ... SET "
                         "search_path = public"});
    }
    if (options.dry_run) {
      tell_missing_access(work, options);
      return missing;
    }
  }
  // Before the migrations, which grant to them.
  if (auto made = settle(make_roles(connection), options); !made) return fail(made.error());
  ensure_table(connection, migrations);
  for (const Migration& migration : missing) {
    try {
      apply(connection, migration, options.partition_count);
    } catch (const pqxx::sql_error& error) {
      if (error.sqlstate() == kTakesNoWrites) throw;  // not the migration's fault
      return fail(MigrationError{MigrationError::Kind::refused, "migration " + file_name(migration.number, migration.name) +
                                                                    " failed: " + one_line(error.what())});
    }
  }
  if (auto made = settle(make_grants(connection), options); !made) return fail(made.error());
  return missing;
}

}  // namespace

Result<std::vector<Migration>, MigrationError> migrate(postgres::Connection& connection, std::span<const Migration> migrations,
                                                       MigrateOptions options) {
  try {
    { pqxx::nontransaction(connection).exec1(std::string("SELECT pg_advisory_lock(") + kAdvisoryLock + ")"); }
    auto result = migrate_locked(connection, migrations, options);
    { pqxx::nontransaction(connection).exec1(std::string("SELECT pg_advisory_unlock(") + kAdvisoryLock + ")"); }
    return result;
  } catch (const pqxx::broken_connection&) {
    throw;
  } catch (const pqxx::sql_error& error) {
    const bool no_writes = error.sqlstate() == kTakesNoWrites;
    return fail(
        MigrationError{no_writes ? MigrationError::Kind::no_writes : MigrationError::Kind::refused, one_line(error.what())});
  } catch (const pqxx::failure& error) {
    return fail(MigrationError{MigrationError::Kind::refused, one_line(error.what())});
  }
}

Result<Done, MigrationError> check_migrated(postgres::Connection& connection, std::span<const Migration> migrations) {
  try {
    pqxx::work work(connection);
    auto missing = pending(read_applied(work, migrations), migrations);
    if (!missing) return fail(missing.error());
    if (missing->empty()) return Done{};
    return fail(MigrationError{
        MigrationError::Kind::behind,
        "the database lacks migration " + file_name(missing->front().number, missing->front().name) + ". Run: hermes migrate"});
  } catch (const pqxx::failure& error) {
    return fail(MigrationError{MigrationError::Kind::refused, one_line(error.what())});
  }
}

int read_partition_count(postgres::Connection& connection) {
  pqxx::work work(connection);
  const pqxx::row row = work.exec1(
      "SELECT s.partition_count, count(h.partition), coalesce(max(h.partition), -1) "
      "FROM event_log_settings s CROSS JOIN event_log_heads h GROUP BY s.partition_count");
  const int count = row[0].as<int>();
  if (row[1].as<int>() != count || row[2].as<int>() != count - 1) {
    throw std::runtime_error("event_log_settings names " + std::to_string(count) + " partitions and event_log_heads has " +
                             row[1].as<std::string>() + ": the log is damaged; see docs/event-log.md");
  }
  return count;
}

}  // namespace hermes::eventstore
