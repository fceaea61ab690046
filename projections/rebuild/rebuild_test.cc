// A rebuild gives the same rows in tables that nobody can tell from the old ones, and a past that can be looked at.
#include "projections/rebuild/rebuild.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <utility>

#include "eventstore/schema/migrations.h"
#include "projections/projector/projector.h"
#include "projections/rebuild/past.h"
#include "projections/rebuild/rebuild_steps.h"
#include "tests/support/eventually.h"
#include "tests/support/read_models.h"

namespace hermes::projections {
namespace {

using namespace test_support;
using domain::Status;

const OnProgress kQuiet = [](const Progress&) {};

class RebuildTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  void SetUp() override {
    server->new_log(4);
    database = std::make_unique<Database>(server->settings());
    writer = std::make_unique<LogWriter>(server->settings());
  }

  WorkerSettings worker() const {
    WorkerSettings settings;
    settings.postgres = server->settings();
    settings.instance = "one";
    settings.poll = std::chrono::milliseconds(100);
    return settings;
  }
  RebuildSettings settings() const { return {server->settings(), 2, 2}; }
  static std::vector<const Projection*> all() { return {all_projections().begin(), all_projections().end()}; }

  void write_some(int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string id = "m-" + std::to_string(i);
      const std::string user = "user-" + std::to_string(i % 7);
      writer->append(
          {message(id, user, "david", "message " + id), receipt(id, Status::delivered), typing(user, "david", i % 3 == 0)});
      if (i % 2 == 0)
        writer->append({receipt(id, Status::read), message("b-" + id, user, "all"), receipt("b-" + id, Status::read, "erin")});
    }
  }

  void fold_live() {
    Projector projector(all(), worker());
    ASSERT_TRUE(eventually([&] { return is_caught_up(*database); }));
  }

  postgres::Settings superuser() const {
    postgres::Settings settings = server->postgres().superuser();
    settings.database = server->settings().database;
    return settings;
  }

  std::string structure() {
    pqxx::work transaction(database->connection());
    return describe(transaction, find_tables(transaction, find_projection("chat")->tables()));
  }

  std::unique_ptr<Database> database;
  std::unique_ptr<LogWriter> writer;
};

std::unique_ptr<LogServer> RebuildTest::server;

TEST_F(RebuildTest, GivesIdenticalRowsOfEveryProjection) {
  write_some(0, 40);
  fold_live();
  const std::string before = contents_of_all(*database);
  for (const Projection* projection : all_projections()) {
    const auto report = rebuild(*projection, settings(), kQuiet);
    ASSERT_TRUE(report) << report.error().message;
  }
  EXPECT_EQ(contents_of_all(*database), before);
  EXPECT_EQ(database->value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'hermes_re%'"), "0");
}

TEST_F(RebuildTest, FoldsTheOnlyEventOfAPartition) {
  writer->append({typing("fredy", "david", true)});
  fold_live();
  const std::string before = contents_of_all(*database);
  EXPECT_EQ(rebuild(*find_projection("typing"), settings(), kQuiet)->events, 1u);
  EXPECT_EQ(contents_of_all(*database), before);
}

TEST_F(RebuildTest, MendsTablesThatWereTamperedWith) {
  write_some(0, 10);
  fold_live();
  const std::string before = contents_of_all(*database);
  database->execute("UPDATE chat_messages SET content = 'forged' WHERE message_id = 'm-1'");
  database->execute("DELETE FROM message_status WHERE status = 'read'; TRUNCATE inbox");
  for (const Projection* projection : all_projections()) ASSERT_TRUE(rebuild(*projection, settings(), kQuiet));
  EXPECT_EQ(contents_of_all(*database), before);
}

TEST_F(RebuildTest, AMigrationThatCountsTheReceiptsOfBroadcastsMakesTheSameRows) {
  write_some(0, 10);
  fold_live();
  const std::string before = contents(*database, "broadcast_receipts");
  ASSERT_NE(before, "broadcast_receipts\n");
  // As a database was before it: the checkpoints are past the receipts.
  database->execute("DROP TABLE broadcast_receipts");
  for (const eventstore::Migration& migration : eventstore::embedded_migrations()) {
    if (migration.name == "broadcast_receipts") database->execute(std::string(migration.sql));
  }
  EXPECT_EQ(contents(*database, "broadcast_receipts"), before);
  ASSERT_TRUE(rebuild(*find_projection("chat"), settings(), kQuiet));
  EXPECT_EQ(contents(*database, "broadcast_receipts"), before);
}

TEST_F(RebuildTest, KeepsGrantsCommentsIndexesKeysAndViews) {
  write_some(0, 5);
  fold_live();
  database->execute(
      "CREATE INDEX of_an_operator ON chat_messages (sender_name) WHERE content <> '';"
      "COMMENT ON INDEX of_an_operator IS 'by hand';"
      "GRANT SELECT (content) ON chat_messages TO hermes_ingester WITH GRANT OPTION;"
      "CREATE VIEW loud AS SELECT m.*, s.status FROM chat_messages m JOIN message_status s USING (message_id);"
      "CREATE VIEW louder WITH (security_barrier) AS SELECT upper(content) AS content FROM loud;"
      "COMMENT ON VIEW loud IS 'a view'; GRANT SELECT ON loud TO hermes_ingester");
  const std::string structure_before = structure();
  const std::string view_oid = database->value("SELECT 'loud'::regclass::oid");
  const std::string rows_before = contents(*database, "loud") + contents(*database, "louder");

  const auto report = rebuild(*find_projection("chat"), settings(), kQuiet);
  ASSERT_TRUE(report) << report.error().message;

  EXPECT_EQ(structure(), structure_before);
  EXPECT_EQ(database->value("SELECT 'loud'::regclass::oid"), view_oid);
  EXPECT_EQ(database->value("SELECT obj_description('loud'::regclass)"), "a view");
  EXPECT_EQ(database->value("SELECT has_table_privilege('hermes_ingester', 'loud', 'SELECT')"), "t");
  // The views show the new tables: what is written there now can be seen through them.
  EXPECT_EQ(contents(*database, "loud") + contents(*database, "louder"), rows_before);
  database->execute("UPDATE chat_messages SET content = 'seen'");
  EXPECT_EQ(database->value("SELECT DISTINCT content FROM louder"), "SEEN");
  // The foreign key works on the new tables.
  EXPECT_EQ(database->value("SELECT conrelid::regclass || ' -> ' || confrelid::regclass FROM pg_constraint WHERE contype = 'f' "
                            "AND conrelid = 'message_status'::regclass"),
            "message_status -> chat_messages");
  database->execute("DELETE FROM chat_messages WHERE message_id = 'm-1'");
  EXPECT_EQ(database->value("SELECT count(*) FROM message_status WHERE message_id = 'm-1'"), "0");
}

// All that can be set on a table is the same after as before, by the catalogs.
TEST_F(RebuildTest, KeepsEverySettingOfTablesColumnsAndIndexes) {
  write_some(0, 5);
  fold_live();
  {
    const auto connection = *postgres::connect(superuser());
    pqxx::nontransaction work(*connection);
    work.exec("SET allow_in_place_tablespaces = on");
    work.exec("CREATE TABLESPACE elsewhere LOCATION ''");
    work.exec("GRANT CREATE ON TABLESPACE elsewhere TO PUBLIC");
  }
  database->execute(
      "CREATE INDEX of_an_operator ON chat_messages (lower(content)) WITH (fillfactor = 60);"
      "ALTER INDEX of_an_operator ALTER COLUMN 1 SET STATISTICS 77; ALTER INDEX of_an_operator SET TABLESPACE elsewhere;"
      "CREATE UNIQUE INDEX one_content ON chat_messages (message_id, created_at);"
      "ALTER TABLE chat_messages ALTER COLUMN content SET STATISTICS 500, ALTER COLUMN content SET STORAGE EXTERNAL,"
      "  ALTER COLUMN content SET COMPRESSION pglz, ALTER COLUMN sender_id SET (n_distinct = -0.3), ALTER COLUMN created_at "
      "SET NOT NULL;"
      "ALTER TABLE chat_messages SET (fillfactor = 81, autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_enabled = off);"
      "ALTER TABLE chat_messages REPLICA IDENTITY USING INDEX one_content;"
      "ALTER TABLE chat_messages CLUSTER ON one_content;"
      "ALTER TABLE message_status REPLICA IDENTITY FULL; ALTER TABLE message_status SET TABLESPACE elsewhere;"
      "CREATE STATISTICS who_to_whom (dependencies, ndistinct) ON sender_id, receiver_id FROM chat_messages;"
      "ALTER STATISTICS who_to_whom SET STATISTICS 300; COMMENT ON STATISTICS who_to_whom IS 'by hand';"
      "CREATE STATISTICS of_one ON lower(sender_name) FROM chat_messages");
  const std::string before = structure();
  for (const char* set :
       {"statistics 500", "toast {autovacuum_enabled=off}", "who_to_whom", "n_distinct=-0.3", "clustered true"}) {
    ASSERT_THAT(before, testing::HasSubstr(set));
  }
  const auto report = rebuild(*find_projection("chat"), settings(), kQuiet);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(structure(), before);
  EXPECT_EQ(Database(superuser()).value("SELECT count(*) FROM pg_statistic_ext_data"), "2");
  EXPECT_EQ(database->value("SELECT string_agg(stxnamespace::regnamespace::text, ' ') FROM pg_statistic_ext"), "public public");
}

TEST_F(RebuildTest, NamesPublicationsThatHaveTheTablesWithoutNamingThem) {
  Database super(superuser());
  super.execute("CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA public");
  const auto report = rebuild(*find_projection("chat"), settings(), kQuiet);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->publications, testing::ElementsAre("everything", "of_schema"));
}

TEST_F(RebuildTest, RefusesAnExclusionConstraintBeforeAnythingIsDone) {
  database->execute("ALTER TABLE chat_messages ADD CONSTRAINT once EXCLUDE (message_id WITH =)");
  const auto report = rebuild(*find_projection("chat"), settings(), kQuiet);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, RebuildError::Kind::in_the_way);
  EXPECT_THAT(report.error().message, testing::HasSubstr("exclusion constraint once"));
}

TEST_F(RebuildTest, GathersStatisticsOfIndexesOnExpressionsToo) {
  write_some(0, 5);
  database->execute("CREATE INDEX of_an_expression ON chat_messages (lower(content))");
  const auto report = rebuild(*find_projection("chat"), settings(), kQuiet);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(database->value("SELECT count(*) FROM pg_stats WHERE tablename = 'of_an_expression'"), "1");
}

TEST_F(RebuildTest, RefusesWhatItCannotCarryOver) {
  database->execute("CREATE MATERIALIZED VIEW sealed AS SELECT count(*) FROM chat_messages");
  const auto report = rebuild(*find_projection("chat"), settings(), kQuiet);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, RebuildError::Kind::in_the_way);
  EXPECT_THAT(report.error().message, testing::HasSubstr("sealed"));
}

TEST_F(RebuildTest, ASecondOneIsRefusedWhileOneRuns) {
  const BuildLock lock(server->settings(), "chat");
  ASSERT_TRUE(lock.held());
  const auto report = rebuild(*find_projection("chat"), settings(), kQuiet);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, RebuildError::Kind::busy);
  EXPECT_THAT(report.error().message,
              testing::MatchesRegex("a rebuild of chat is running already, since 20.*Z [(]session [0-9]+ of the database[)]"));
}

TEST_F(RebuildTest, FoldsWhatComesMeanwhileAndReadersSeeEverything) {
  write_some(0, 10);
  Projector projector(all(), worker());
  std::atomic<bool> stop{false};
  std::atomic<int> refused_reads{0};
  std::atomic<int> reads{0};
  std::jthread load([&] {
    for (int i = 10; i < 5'000 && !stop; ++i) write_some(i, i + 1);
  });
  std::jthread reader([&] {
    Database reading(server->settings());
    long last = 0;
    while (!stop) {
      const long now = std::stol(reading.value("SELECT count(*) FROM chat_messages"));
      if (now < last) ++refused_reads;  // rows that had been seen are gone
      last = now;
      ++reads;
    }
  });
  for (int i = 0; i < 3; ++i) {
    for (const Projection* projection : all_projections()) {
      const auto report = rebuild(*projection, settings(), kQuiet);
      EXPECT_TRUE(report) << report.error().message;
    }
  }
  stop = true;
  load.join();
  reader.join();
  ASSERT_TRUE(eventually([&] { return is_caught_up(*database); }));
  projector.request_stop();
  projector.wait();
  EXPECT_EQ(refused_reads, 0);
  EXPECT_GT(reads, 0);

  pqxx::work transaction(database->connection());
  const auto ends = ends_at(transaction, Timestamp::max());
  transaction.commit();
  const auto fresh = fold_into({all(), "fresh", ends, ""}, settings(), kQuiet);
  ASSERT_TRUE(fresh) << fresh.error().message;
  EXPECT_EQ(contents_of_all(*database), contents_of_all(*database, "fresh"));
}

// Who reads through a view holds the view before its tables; the swap needs both.
TEST_F(RebuildTest, ReadersOfViewsAndTheSwapDoNotWaitForEachOther) {
  write_some(0, 20);
  fold_live();
  database->execute(
      "CREATE VIEW loud AS SELECT upper(content) AS content FROM chat_messages; CREATE VIEW louder AS TABLE loud");
  std::atomic<bool> stop{false};
  std::vector<std::jthread> readers;
  for (const char* view : {"typing_now", "loud", "louder", "typing_now"}) {
    readers.emplace_back([&, view] {
      Database reading(server->settings());
      while (!stop) reading.value("SELECT count(*) FROM " + std::string(view));
    });
  }
  for (int i = 0; i < 10; ++i) {
    for (const char* projection : {"typing", "chat"}) {
      const auto report = rebuild(*find_projection(projection), settings(), kQuiet);
      EXPECT_TRUE(report) << report.error().message;
    }
  }
  stop = true;
}

// A large table is vacuumed for minutes. This one, small as it is, too: a page, then a long rest.
TEST_F(RebuildTest, AutovacuumGivesWayToTheSwap) {
  write_some(0, 400);
  fold_live();
  const std::string before = contents_of_all(*database);
  database->execute(
      "ALTER TABLE message_status SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0, "
      "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);"
      "UPDATE message_status SET status = status");
  Database superuser(server->postgres().superuser());
  superuser.rows("ALTER SYSTEM SET autovacuum_naptime = 1");
  superuser.rows("SELECT pg_reload_conf()");
  ASSERT_TRUE(eventually([&] { return !superuser.rows("SELECT FROM pg_stat_progress_vacuum").empty(); }))
      << "autovacuum does not come";
  const auto report = rebuild(*find_projection("chat"), settings(), kQuiet);
  EXPECT_TRUE(report) << report.error().message;
  EXPECT_EQ(contents_of_all(*database), before);
  superuser.rows("ALTER SYSTEM RESET autovacuum_naptime");
  superuser.rows("SELECT pg_reload_conf()");
}

// Nor is it in the way where it is sure to come: on tables that have just been loaded.
TEST_F(RebuildTest, AutovacuumOfTheNewTablesGivesWayToTheSwap) {
  write_some(0, 400);
  fold_live();
  const std::string before = contents_of_all(*database);
  database->execute(
      "ALTER TABLE message_status SET (autovacuum_vacuum_insert_threshold = 0, autovacuum_vacuum_insert_scale_factor = 0, "
      "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)");
  postgres::Settings as_superuser = server->postgres().superuser();
  as_superuser.database = server->settings().database;
  Database superuser(as_superuser);
  superuser.rows("ALTER SYSTEM SET autovacuum_naptime = 1");
  superuser.rows("SELECT pg_reload_conf()");
  bool waited = false;
  const auto wait_for_autovacuum = [&](const Progress& progress) {
    if (progress.step != to_string(Phase::swap) || std::exchange(waited, true)) return;
    EXPECT_TRUE(eventually([&] {
      return !superuser
                  .rows(
                      "SELECT FROM pg_stat_progress_vacuum JOIN pg_class ON pg_class.oid = relid "
                      "WHERE relnamespace = 'hermes_rebuild_chat'::regnamespace")
                  .empty();
    })) << "autovacuum does not come";
  };
  const auto report = rebuild(*find_projection("chat"), settings(), wait_for_autovacuum);
  EXPECT_TRUE(report) << report.error().message;
  EXPECT_EQ(contents_of_all(*database), before);
  superuser.rows("ALTER SYSTEM RESET autovacuum_naptime");
  superuser.rows("SELECT pg_reload_conf()");
}

TEST_F(RebuildTest, ShowsThePastAsOfATimeAndAPosition) {
  write_some(0, 5);
  const std::string then = database->value("SELECT max(recorded_at) FROM event_log");
  const std::string then_rfc =
      database->value("SELECT to_char(max(recorded_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.USZ') FROM event_log");
  fold_live();
  const std::string before = contents_of_all(*database);
  write_some(5, 9);

  pqxx::work transaction(database->connection());
  const auto ends = ends_at(transaction, *parse_timestamp(then_rfc));  // inclusive
  const auto none = ends_at(transaction, eventstore::Position{0, 1'000'000});
  const auto first = ends_at(transaction, eventstore::Position{2, 0});
  transaction.commit();
  ASSERT_TRUE(fold_into({all(), "past", ends, "as of then"}, settings(), kQuiet));
  EXPECT_EQ(contents_of_all(*database, "past"), before);
  EXPECT_EQ(database->value("SELECT obj_description('past'::regnamespace)"), "as of then");
  EXPECT_FALSE(none.has_value());
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->at(2), 1);

  const auto again = fold_into({all(), "past", ends, ""}, settings(), kQuiet);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, RebuildError::Kind::exists);
}

// What is recorded no later than a time may be committed later than somebody asks for it.
TEST_F(RebuildTest, ThePastWaitsForAppendsUnderWay) {
  using namespace std::chrono_literals;
  OpenTransaction append(server->settings(), "SELECT FROM event_log_heads WHERE partition = 2 FOR UPDATE");
  auto asked = std::async(std::launch::async, [] {
    const auto connection = *postgres::connect(server->settings());
    pqxx::work transaction(*connection);
    return ends_at(transaction, Timestamp::max());
  });
  EXPECT_TRUE(
      eventually([&] { return somebody_waits_for_a_lock(*database) || asked.wait_for(0s) == std::future_status::ready; }));
  EXPECT_NE(asked.wait_for(0s), std::future_status::ready);
  append.commit();
  EXPECT_EQ(asked.get().size(), 4U);
}

}  // namespace
}  // namespace hermes::projections
