// The services' roles and grants: `hermes migrate` makes them wherever a database comes from, and one list names them all.
#include "eventstore/schema/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eventstore/schema/migrations.h"
#include "tests/servers/postgres_template.h"
#include "tests/support/tools_fixture.h"

namespace hermes::eventstore {
namespace {

using namespace test_support;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Who may do what, as PostgreSQL has it.
std::string all_grants(Database& database) {
  return database.value(
      "SELECT string_agg(line, E'\n' ORDER BY line) FROM ("
      "  SELECT format('%s %s %s', relname, pg_get_userbyid(grantee), privilege_type) "
      "  FROM pg_class, aclexplode(relacl) WHERE relnamespace = current_schema()::regnamespace "
      "  UNION ALL SELECT format('%s.%s %s %s', attrelid::regclass, attname, pg_get_userbyid(grantee), privilege_type) "
      "  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, aclexplode(attacl) "
      "  WHERE relnamespace = current_schema()::regnamespace "
      "  UNION ALL SELECT format('%s %s %s', proname, grantee::regrole, privilege_type) "
      "  FROM pg_proc, aclexplode(proacl) WHERE pronamespace = current_schema()::regnamespace AND grantee IN (0, "
      "'hermes_reader'::regrole) "
      "  UNION ALL SELECT format('default %s %s %s', defaclrole::regrole, grantee::regrole, privilege_type) "
      "  FROM pg_default_acl, aclexplode(defaclacl)) AS grants (line)");
}

std::vector<std::string> migrated(Database& database, bool dry_run = false) {
  std::vector<std::string> told;
  auto result = migrate(database.connection(), embedded_migrations(),
                        {.dry_run = dry_run, .on_access = [&](const std::string& made) { told.push_back(made); }});
  if (!result) throw std::runtime_error(result.error().message);
  return told;
}

class Access : public ToolsFixture {
 protected:
  // What doctor says of it in another cluster.
  std::string doctors_roles(const PrivatePostgres& server) {
    for (const std::string& line : lines_of(hermes({"doctor"}, environment_of(server)).output)) {
      if (line.find(" roles ") != std::string::npos) return line;
    }
    return "";
  }
  Environment environment_of(const PrivatePostgres& server) {
    Environment environment = environment_for(server);
    environment["POSTGRES_DB"] = "restored";
    return environment;
  }

  // pg_dump and pg_restore of the current database into an empty cluster; what the restore complains of.
  std::string restore_into(const PrivatePostgres& other) {
    Database(other.superuser()).execute("CREATE DATABASE restored OWNER dbowner");
    const auto bin = private_servers::postgres_bin();
    const std::string dump = folder_ / "dump";
    const auto at = [](const PrivatePostgres& server) {
      return std::vector<std::string>{"--host=" + server.socket_folder().string(), "--port=" + std::to_string(server.port()),
                                      "--username=postgres"};
    };
    std::vector<std::string> command = {bin / "pg_dump", "-Fc", "--file=" + dump, "--dbname=" + server_->settings().database};
    for (const std::string& argument : at(server_->postgres())) command.push_back(argument);
    const Finished dumped = run(command);
    EXPECT_EQ(dumped.exit_code, 0) << dumped.errors;
    command = {bin / "pg_restore", "--dbname=restored", dump};
    for (const std::string& argument : at(other)) command.push_back(argument);
    return run(command).errors;
  }
};

TEST_F(Access, ADatabaseRestoredIntoAnotherClusterGetsItsRolesAndGrantsByMigrate) {
  handle(batch({message("m1")}));
  const PrivatePostgres other;
  EXPECT_THAT(restore_into(other), HasSubstr("role \"hermes_ingester\" does not exist"));
  EXPECT_THAT(doctors_roles(other), AllOf(HasSubstr("FAIL"), HasSubstr("hermes migrate")));
  const Finished finished = hermes({"migrate"}, environment_of(other));
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  EXPECT_THAT(finished.output, AllOf(HasSubstr("granted role hermes_ingester\n"),
                                     HasSubstr("granted SELECT, INSERT on event_log to hermes_ingester\n")));
  EXPECT_THAT(doctors_roles(other), HasSubstr("ok"));
  EXPECT_EQ(hermes({"migrate"}, environment_of(other)).output, "up to date\n");

  postgres::Settings settings = other.settings();
  settings.database = "restored";
  Database restored(settings);
  EXPECT_EQ(all_grants(restored), all_grants(*database_));
  EXPECT_EQ(restored.value("SELECT has_parameter_privilege('hermes_projector', 'session_replication_role', 'SET')"), "t");
}

// A migration that grants something and no line in the list of access.cc: it would be lost in the next cluster.
TEST_F(Access, WhatTheMigrationsGrantIsInTheListToo) {
  const std::string before = all_grants(*database_);
  database_->execute(
      "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM hermes_ingester, hermes_projector, hermes_reader;"
      "REVOKE UPDATE (resolution, resolved_at, resolved_by, resolution_note) ON rejected_events FROM hermes_ingester;"
      "GRANT ALL ON FUNCTION query_service_heartbeat TO PUBLIC; REVOKE ALL ON FUNCTION query_service_heartbeat FROM "
      "hermes_reader;"
      "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM hermes_reader");
  const std::vector<std::string> would = migrated(*database_, true);
  EXPECT_EQ(migrated(*database_), would);
  EXPECT_EQ(all_grants(*database_), before);
}

TEST_F(Access, OneGrantThatIsMissingIsMadeAndToldAndThenNothingIs) {
  database_->execute("REVOKE DELETE ON parked_events FROM hermes_ingester");
  EXPECT_THAT(hermes({"doctor"}).output, HasSubstr("missing: DELETE on parked_events to hermes_ingester"));
  EXPECT_THAT(migrated(*database_), ElementsAre("DELETE on parked_events to hermes_ingester"));
  EXPECT_THAT(migrated(*database_), IsEmpty());
}

TEST_F(Access, WhoDoesNotOwnTheTablesIsToldWhoMayGrant) {
  database_->execute("REVOKE DELETE ON parked_events FROM hermes_ingester");
  Database superuser(server_->postgres().superuser());
  superuser.execute(
      "CREATE ROLE helper LOGIN PASSWORD 'private'; GRANT hermes_ingester, hermes_projector, hermes_reader TO helper");
  const Finished finished = hermes({"migrate"}, {{"POSTGRES_USER", "helper"}});
  superuser.execute("DROP ROLE helper");
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.errors,
              AllOf(HasSubstr("missing: DELETE on parked_events to hermes_ingester"), HasSubstr("owner of the tables")));
}

}  // namespace
}  // namespace hermes::eventstore
