// What Hermes needs of a PostgreSQL, from the roles to verify, on the one that HERMES_POSTGRES_BIN names: the suite runs it on
// 15, 17 and 18 (tests/support/on_postgres_from_npm.sh). The owner of the database is no superuser and may create roles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "projections/projector/projector.h"
#include "tests/support/eventually.h"
#include "tests/support/read_models.h"
#include "tests/support/tools_fixture.h"

namespace hermes {
namespace {

using namespace test_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr const char* kServiceRoles[] = {"hermes_ingester", "hermes_projector", "hermes_reader"};

class PostgresVersions : public testing::Test {
 protected:
  void SetUp() override { database("made"); }

  // Makes an empty database of dbowner's and makes it the current one.
  void database(const std::string& name) {
    Database(server_.superuser()).execute("CREATE DATABASE " + name + " OWNER dbowner");
    name_ = name;
  }

  postgres::Settings settings(const std::string& role = {}) const {
    postgres::Settings settings = server_.settings();
    settings.database = name_;
    settings.role = role;
    return settings;
  }

  Finished hermes(std::vector<std::string> arguments) const {
    Environment environment = environment_for(server_);
    environment["POSTGRES_DB"] = name_;
    environment["XDG_CONFIG_HOME"] = folder_.path();
    environment["HERMES_STATE_DIR"] = folder_.path();
    arguments.insert(arguments.begin(), hermes_command());
    return run(arguments, environment);
  }

  std::string doctors_line(const std::string& check) const {
    const std::string output = hermes({"doctor"}).output;
    for (std::istringstream lines(output); !lines.eof();) {
      std::string line;
      std::getline(lines, line);
      if (line.size() > 6 && line.substr(6).starts_with(check + " ")) return line;
    }
    return "no line for " + check + " in:\n" + output;
  }

  // The role's sentence when the login may not become it, or nothing.
  std::string refused_roles() const {
    std::string refused;
    for (const char* role : kServiceRoles) {
      if (auto connection = postgres::connect(settings(role)); !connection) refused += connection.error().message + "\n";
    }
    return refused;
  }

  PrivatePostgres server_;
  TemporaryFolder folder_;
  std::string name_;
};

TEST_F(PostgresVersions, WhoMigratesMayActAsEachServiceRole) {
  const Finished migrated = hermes({"migrate"});
  EXPECT_EQ(migrated.exit_code, 0) << migrated.errors;
  EXPECT_THAT(refused_roles(), IsEmpty());
  EXPECT_THAT(doctors_line("roles"), StartsWith("ok"));
}

// PostgreSQL 16 and later give the maker of a role ADMIN on it and no more.
TEST_F(PostgresVersions, MigrateTakesTheRolesThatTheOwnerMadeEarlier) {
  Database owner(settings());
  for (const char* role : kServiceRoles) owner.execute("CREATE ROLE " + std::string(role));
  const Finished migrated = hermes({"migrate"});
  EXPECT_EQ(migrated.exit_code, 0) << migrated.errors;
  EXPECT_THAT(refused_roles(), IsEmpty());
}

TEST_F(PostgresVersions, DoctorNamesTheRolesThatALoginMayNotTakeAndItsAdviceHelps) {
  Database superuser(server_.superuser());
  superuser.execute("ALTER ROLE dbowner NOCREATEROLE");
  for (const char* role : kServiceRoles) superuser.execute("CREATE ROLE " + std::string(role));
  // As the maker of the roles has them on 16 and later: a member, and nothing more.
  const bool options = superuser.connection().server_version() >= 160000;
  if (options)
    superuser.execute("GRANT hermes_ingester, hermes_projector, hermes_reader TO dbowner WITH SET FALSE, INHERIT FALSE");
  const std::string line = doctors_line("roles");
  EXPECT_THAT(line, AllOf(StartsWith("FAIL"), HasSubstr("may not act as hermes_ingester, hermes_projector, hermes_reader")));
  const std::size_t advice = line.find("as a superuser: ");
  ASSERT_NE(advice, std::string::npos) << line;
  superuser.execute(line.substr(advice + std::string("as a superuser: ").size()));
  EXPECT_THAT(refused_roles(), IsEmpty());
  EXPECT_THAT(doctors_line("roles"), StartsWith("ok"));
}

TEST_F(PostgresVersions, ALogIsAppendedToProjectedRebuiltAndVerified) {
  ASSERT_EQ(hermes({"migrate", "--partitions", "4"}).exit_code, 0);
  {
    auto connection = postgres::connect(settings("hermes_ingester"));
    ASSERT_TRUE(connection) << connection.error().message;
    eventstore::CommandHandler handler(**connection, {});
    for (int i = 0; i < 20; ++i) {
      const std::string id = "m" + std::to_string(i);
      ASSERT_TRUE(
          handler.handle(batch({message(id), receipt(id, domain::Status::delivered), receipt(id, domain::Status::read)})));
    }
  }
  Database owner(settings());
  EXPECT_THAT(faults_of_log(owner), IsEmpty());
  {
    projections::WorkerSettings worker;
    worker.postgres = settings();
    worker.instance = "one";
    const auto all = projections::all_projections();
    projections::Projector projector({all.begin(), all.end()}, worker);
    ASSERT_TRUE(eventually([&] { return is_caught_up(owner); }));
  }
  EXPECT_EQ(owner.value("SELECT count(*) FROM message_status WHERE status = 'read'"), "20");
  const std::string live = contents_of_all(owner);
  for (const char* projection : {"chat", "inbox", "typing"}) {
    const Finished rebuilt = hermes({"rebuild", projection});
    EXPECT_EQ(rebuilt.exit_code, 0) << projection << ": " << rebuilt.errors;
  }
  EXPECT_EQ(contents_of_all(owner), live);
  const Finished verified = hermes({"verify"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
}

}  // namespace
}  // namespace hermes
