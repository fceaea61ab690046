// Settings of a role or a database (ALTER ROLE ... SET, ALTER DATABASE ... SET) and other schemas do not disturb Hermes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "eventstore/commands/command_handler.h"
#include "eventstore/schema/migrations.h"
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

struct Setting {
  const char* name;
  const char* theirs;
  const char* ours;
};
constexpr Setting kSettings[] = {
    {"DateStyle", "German", "ISO, MDY"},
    {"IntervalStyle", "iso_8601", "postgres"},
    {"TimeZone", "Asia/Kathmandu", "UTC"},
    {"bytea_output", "escape", "hex"},
    {"extra_float_digits", "-10", "1"},
    {"client_encoding", "LATIN1", "UTF8"},
    {"standard_conforming_strings", "off", "on"},
    {"array_nulls", "off", "on"},
    {"quote_all_identifiers", "on", "off"},
    {"default_transaction_isolation", "serializable", "read committed"},
    {"default_transaction_deferrable", "on", "off"},
    {"row_security", "off", "on"},
    {"statement_timeout", "1h", "0"},
    {"lock_timeout", "1h", "0"},
    {"idle_in_transaction_session_timeout", "1h", "0"},
    {"idle_session_timeout", "1h", "0"},
    {"jit", "on", "off"},
    {"plan_cache_mode", "force_generic_plan", "auto"},
    {"enable_indexscan", "off", "on"},
    {"synchronous_commit", "off", "on"},
    {"search_path", "nowhere, public", "public"},
};

class Session : public ToolsFixture {
 protected:
  void SetUp() override {
    ToolsFixture::SetUp();
    superuser_ = std::make_unique<Database>(server_->postgres().superuser());
  }
  void TearDown() override { superuser_->execute("ALTER ROLE dbowner RESET ALL"); }

  void role_has(const std::string& name, const std::string& value) {
    superuser_->execute("ALTER ROLE dbowner SET " + name + " = " + (name == "search_path" ? value : "'" + value + "'"));
  }

  // A database without a log, as its owner.
  postgres::Settings empty_database(const std::string& name) {
    superuser_->execute("CREATE DATABASE " + name + " OWNER dbowner");
    postgres::Settings settings = server_->settings();
    settings.database = name;
    return settings;
  }

  std::unique_ptr<Database> superuser_;
};

postgres::Settings as(postgres::Settings settings, const std::string& role) {
  settings.role = role;
  return settings;
}

void migrate(const postgres::Settings& settings) {
  Database owner(settings);
  const auto done = eventstore::migrate(owner.connection(), eventstore::embedded_migrations(), {.partition_count = 2});
  ASSERT_TRUE(done) << done.error().message;
}

void append(const postgres::Settings& settings, const std::string& id) {
  auto connection = postgres::connect(as(settings, "hermes_ingester"));
  ASSERT_TRUE(connection) << connection.error().message;
  eventstore::CommandHandler handler(**connection, {});
  const auto handled = handler.handle(batch({message(id)}));
  ASSERT_TRUE(handled) << handled.error().detail;
}

// What the projectors make of the log, read as hermes_reader.
std::string projected(const postgres::Settings& settings) {
  projections::WorkerSettings worker;
  worker.postgres = settings;
  worker.instance = "one";
  const auto all = projections::all_projections();
  projections::Projector projector({all.begin(), all.end()}, worker);
  Database reader(as(settings, "hermes_reader"));
  eventually([&] { return is_caught_up(reader); });
  return reader.value("SELECT string_agg(message_id, ' ' ORDER BY message_id) FROM chat_messages");
}

std::string schema_of_log(const postgres::Settings& settings) {
  return Database(settings).value("SELECT 'event_log'::regclass::oid::regclass::text || ' in ' || current_schema()");
}

TEST_F(Session, HasWhatWeRelyOnWhateverTheRoleHasSet) {
  for (const auto& [name, theirs, ours] : kSettings) role_has(name, theirs);
  for (const std::string role : {"", "hermes_ingester", "hermes_projector", "hermes_reader"}) {
    Database session(server_->settings(role));
    for (const auto& [name, theirs, ours] : kSettings)
      EXPECT_EQ(session.value(std::string("SHOW ") + name), ours) << name << role;
  }
}

TEST_F(Session, HasWhatWeRelyOnWhateverTheDatabaseHasSet) {
  const std::string database = server_->settings().database;
  for (const auto& [name, theirs, ours] : kSettings) {
    const bool list = std::string(name) == "search_path";
    superuser_->execute("ALTER DATABASE " + database + " SET " + name + " = " +
                        (list ? theirs : "'" + std::string(theirs) + "'"));
  }
  Database session(server_->settings());
  for (const auto& [name, theirs, ours] : kSettings) EXPECT_EQ(session.value(std::string("SHOW ") + name), ours) << name;
}

TEST_F(Session, HasNoTimeOutForWhatMaintains) {
  handle(batch({message("m1"), receipt("m1", domain::Status::read)}));
  EXPECT_EQ(projected(server_->settings()), "m1");
  role_has("statement_timeout", "1ms");
  role_has("lock_timeout", "1ms");
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"migrate"}, {"verify"}, {"rebuild", "chat"}, {"export", "log"}}) {
    const Finished finished = hermes(command);
    EXPECT_EQ(finished.exit_code, 0) << command.front() << ": " << finished.errors;
  }
}

TEST_F(Session, OfEveryServiceFindsALogInASchemaOfTheOwnersName) {
  const postgres::Settings settings = empty_database("of_the_owners_name");
  Database(settings).execute("CREATE SCHEMA AUTHORIZATION dbowner");
  migrate(settings);
  append(settings, "m1");
  EXPECT_EQ(projected(settings), "m1");
}

TEST_F(Session, IsInTheSchemaOfTheLogWhenOneOfTheOwnersNameIsMadeLater) {
  database_->execute("CREATE SCHEMA AUTHORIZATION dbowner");
  EXPECT_EQ(schema_of_log(server_->settings()), "event_log in public");
}

TEST_F(Session, FindsALogThatWasPutIntoAnotherSchemaOnPurpose) {
  const postgres::Settings settings = empty_database("on_purpose");
  Database(settings).execute("CREATE SCHEMA chat");
  role_has("search_path", "chat");
  migrate(settings);
  superuser_->execute("ALTER ROLE dbowner RESET search_path");
  EXPECT_EQ(schema_of_log(settings), "event_log in chat");
  append(settings, "m1");
  EXPECT_EQ(projected(settings), "m1");
  EXPECT_EQ(schema_of_log(as(settings, "hermes_reader")), "event_log in chat");
}

TEST_F(Session, TakesOfTwoLogsTheOneThatTheSearchPathNamesAndRefusesToGuess) {
  const postgres::Settings settings = empty_database("two_logs");
  Database(settings).execute("CREATE SCHEMA first; CREATE SCHEMA second");
  role_has("search_path", "first");
  migrate(settings);
  for (const char* table : {"event_log", "event_log_heads", "event_log_settings"}) {
    Database(settings).execute(std::string("CREATE TABLE second.") + table + " (LIKE first." + table + ")");
  }
  EXPECT_EQ(schema_of_log(as(settings, "hermes_ingester")), "event_log in first");
  role_has("search_path", "second");
  EXPECT_EQ(schema_of_log(settings), "event_log in second");
  superuser_->execute("ALTER ROLE dbowner RESET search_path");
  const auto guessed = postgres::connect(settings);
  ASSERT_FALSE(guessed);
  EXPECT_THAT(guessed.error().message, AllOf(HasSubstr("a log in each of the schemas first, second"),
                                             HasSubstr("ALTER ROLE \"dbowner\" SET search_path = first")));
}

TEST_F(Session, SaysWhichSchemaIsMissingForANewLog) {
  const postgres::Settings settings = empty_database("no_schema");
  role_has("search_path", "nowhere");
  Database owner(settings);
  const auto refused = eventstore::migrate(owner.connection());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("search_path"), HasSubstr("CREATE SCHEMA")));
}

TEST_F(Session, IsRefusedWhereTriggersAreOffAndTheLoginMayNotSwitchThemOn) {
  Database superuser(server_->postgres().superuser());
  superuser.execute("CREATE ROLE copier LOGIN PASSWORD 'private'; ALTER ROLE copier SET session_replication_role = replica");
  postgres::Settings settings = server_->settings();
  settings.user = "copier";
  const auto refused = postgres::connect(settings);
  superuser.execute("DROP ROLE copier");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("session_replication_role is replica for copier"), HasSubstr("RESET")));
}

// Left over in somebody's environment, it would lead to another server than the one that is named.
TEST_F(Session, GoesToTheHostThatIsNamedWhateverPghostaddrSays) {
  EXPECT_EQ(hermes({"tail", "--limit", "1"}, {{"PGHOSTADDR", "127.0.0.9"}}).errors, "");
}

// A service that runs for months connects again with the password of that day.
TEST_F(Session, FindsAPasswordThatWasRotated) {
  const std::string file = folder_ / "password";
  postgres::Settings settings = server_->settings();
  settings.password_file = file;
  std::ofstream(file) << settings.password << "\n";
  settings.password = "of yesterday";
  EXPECT_TRUE(postgres::connect(settings));
  std::ofstream(file) << "wrong\n";
  EXPECT_FALSE(postgres::connect(settings));
  settings.password = server_->settings().password;
  std::filesystem::remove(file);
  EXPECT_TRUE(postgres::connect(settings)) << "while there is no file, what it held last";
}

}  // namespace
}  // namespace hermes
