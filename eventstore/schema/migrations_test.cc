// Migrations on a real database: what is applied, and which pairs of binary and database are refused.
#include "eventstore/schema/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/database.h"
#include "tests/support/servers.h"

namespace hermes::eventstore {
namespace {

using test_support::Database;
using test_support::PrivatePostgres;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Migration kFirst{1, "first", "CREATE TABLE first (a int)"};
constexpr Migration kSecond{2, "second", "CREATE TABLE second (a int)"};
constexpr Migration kBoth[] = {kFirst, kSecond};

std::vector<int> numbers(const std::vector<Migration>& migrations) {
  std::vector<int> result;
  for (const Migration& migration : migrations) result.push_back(migration.number);
  return result;
}

class Migrations : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new PrivatePostgres; }
  static void TearDownTestSuite() { delete server_; }

  // Each test has an empty schema: the log's tables can't be emptied otherwise.
  void SetUp() override { Database(server_->settings()).execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); }

  std::string error_of(std::span<const Migration> migrations, MigrateOptions options = {}) {
    auto result = migrate(database().connection(), migrations, options);
    return result ? "" : result.error().message;
  }
  Database& database() {
    if (!database_) database_ = std::make_unique<Database>(server_->settings());
    return *database_;
  }

  static PrivatePostgres* server_;
  std::unique_ptr<Database> database_;
};
PrivatePostgres* Migrations::server_ = nullptr;

TEST_F(Migrations, AreAppliedInOrderAndOnce) {
  auto first = migrate(database().connection(), kBoth);
  ASSERT_TRUE(first);
  EXPECT_THAT(numbers(*first), ElementsAre(1, 2));
  auto second = migrate(database().connection(), kBoth);
  ASSERT_TRUE(second);
  EXPECT_THAT(numbers(*second), IsEmpty());
}

TEST_F(Migrations, OfThisBinaryApplyToAnEmptyDatabase) {
  ASSERT_EQ(error_of(embedded_migrations()), "");
  EXPECT_TRUE(check_migrated(database().connection()));
  EXPECT_EQ(read_partition_count(database().connection()), 16);
}

TEST_F(Migrations, DryRunChangesNothing) {
  auto pending = migrate(database().connection(), kBoth, {.dry_run = true});
  ASSERT_TRUE(pending);
  EXPECT_THAT(numbers(*pending), ElementsAre(1, 2));
  EXPECT_EQ(database().value("SELECT to_regclass('hermes_schema_migrations')"), "");
}

TEST_F(Migrations, ThatWereChangedAreRefused) {
  ASSERT_EQ(error_of(kBoth), "");
  const Migration changed[] = {kFirst, {2, "second", "CREATE TABLE second (b int)"}};
  EXPECT_THAT(error_of(changed), HasSubstr("0002_second.sql was changed"));
}

TEST_F(Migrations, ThatAreMissingFromTheBinaryAreRefused) {
  ASSERT_EQ(error_of(kBoth), "");
  const Migration missing[] = {kSecond};
  EXPECT_THAT(error_of(missing), HasSubstr("0001_first.sql was applied to the database and is missing"));
}

TEST_F(Migrations, OfANewerDatabaseAreRefused) {
  ASSERT_EQ(error_of(kBoth), "");
  EXPECT_THAT(error_of(std::span(kBoth, 1)), HasSubstr("the database is newer than this binary"));
  auto checked = check_migrated(database().connection(), std::span(kBoth, 1));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, MigrationError::Kind::different);
  EXPECT_THAT(checked.error().message, HasSubstr("newer"));
}

TEST_F(Migrations, MayFillAGapInTheNumbers) {
  const Migration later{10, "later", "CREATE TABLE later (a int)"};
  const Migration before[] = {kFirst, later};
  const Migration after[] = {kFirst, kSecond, later};
  ASSERT_EQ(error_of(before), "");
  auto applied = migrate(database().connection(), after);
  ASSERT_TRUE(applied);
  EXPECT_THAT(numbers(*applied), ElementsAre(2));
}

TEST_F(Migrations, ThatFailLeaveNothingBehind) {
  const Migration failing[] = {kFirst, {2, "second", "CREATE TABLE half (a int); SELECT 1/0"}};
  EXPECT_EQ(error_of(failing), "migration 0002_second.sql failed: division by zero");
  EXPECT_EQ(database().value("SELECT to_regclass('half')"), "");
  EXPECT_EQ(error_of(kBoth), "");
}

TEST_F(Migrations, GoOnWhereTheConnectionWasLost) {
  constexpr Migration kCut[] = {kFirst, {2, "cut", "SELECT pg_terminate_backend(pg_backend_pid())"}};
  EXPECT_THROW((void)migrate(database().connection(), kCut), pqxx::broken_connection);
  database_.reset();
  const auto rest = migrate(database().connection(), kBoth);
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_THAT(numbers(*rest), ElementsAre(2));
}

TEST_F(Migrations, ByTwoProcessesAtOnceAreAppliedOnce) {
  std::vector<std::thread> threads;
  std::vector<std::string> errors(4);
  for (std::string& error : errors) {
    threads.emplace_back([&error] {
      Database other(server_->settings());
      auto result = migrate(other.connection());
      if (!result) error = result.error().message;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(errors, testing::Each(""));
  EXPECT_EQ(database().value("SELECT count(*) FROM hermes_schema_migrations"), std::to_string(embedded_migrations().size()));
}

TEST_F(Migrations, FixThePartitionCount) {
  ASSERT_EQ(error_of(embedded_migrations(), {.partition_count = 4}), "");
  EXPECT_EQ(read_partition_count(database().connection()), 4);
  EXPECT_EQ(database().value("SELECT count(*) FROM event_log_heads"), "4");
  EXPECT_EQ(error_of(embedded_migrations(), {.partition_count = 4}), "");
  EXPECT_THAT(error_of(embedded_migrations(), {.partition_count = 8}), HasSubstr("the log has 4 partitions, not 8"));
  EXPECT_THAT(error_of(embedded_migrations(), {.partition_count = 0}), HasSubstr("must be 1 to 1024"));
}

TEST_F(Migrations, CheckNamesWhatIsMissing) {
  auto checked = check_migrated(database().connection());
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, MigrationError::Kind::behind);
  EXPECT_EQ(checked.error().message, "the database lacks migration 0001_event_log.sql. Run: hermes migrate");
}

TEST_F(Migrations, ThatAnOlderHermesNotedUnderTheFormerNameAreTakenOver) {
  ASSERT_EQ(error_of(embedded_migrations().first(2)), "");  // it was stopped before the third, which names the table
  database().execute("ALTER TABLE hermes_schema_migrations RENAME TO schema_migrations");
  auto checked = check_migrated(database().connection());
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("0003_roles.sql"));
  const auto rest = migrate(database().connection());
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_EQ(rest->size(), embedded_migrations().size() - 2);
  EXPECT_EQ(database().value("SELECT count(*) FROM hermes_schema_migrations"), std::to_string(embedded_migrations().size()));
  EXPECT_EQ(database().value("SELECT to_regclass('schema_migrations')"), "");
}

TEST_F(Migrations, UnderTheFormerNameLetServicesStart) {
  ASSERT_EQ(error_of(embedded_migrations()), "");
  database().execute("ALTER TABLE hermes_schema_migrations RENAME TO schema_migrations");
  EXPECT_TRUE(check_migrated(database().connection()));
}

TEST_F(Migrations, OfAnotherProgramAreLeftAlone) {
  for (const char* table :
       {"CREATE TABLE schema_migrations (version varchar PRIMARY KEY); INSERT INTO schema_migrations VALUES ('1')",
        "CREATE TABLE schema_migrations (number integer PRIMARY KEY, name text, checksum text, applied_at "
        "timestamptz); INSERT INTO schema_migrations VALUES (1, 'users', 'x', now())"}) {
    SetUp();
    database().execute(table);
    const std::string before = database().value("SELECT t::text FROM schema_migrations t");
    EXPECT_EQ(error_of(embedded_migrations()), "");
    EXPECT_EQ(database().value("SELECT t::text FROM schema_migrations t"), before);
    EXPECT_EQ(database().value("SELECT relacl FROM pg_class WHERE oid = 'schema_migrations'::regclass"), "");
    EXPECT_TRUE(check_migrated(database().connection()));
  }
}

}  // namespace
}  // namespace hermes::eventstore
