// The projection that docs/projections.md walks through, compiled from the page, does what the page says: its migration
// applies, projectors may write and readers read, and live folding, rebuild and time travel give the same rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "eventstore/schema/migrations.h"
#include "projections/projector/projector.h"
#include "projections/rebuild/past.h"
#include "projections/rebuild/rebuild.h"
#include "tests/support/eventually.h"
#include "tests/support/read_models.h"

namespace hermes::projections {

const Projection& activity();

namespace {

using namespace test_support;
using domain::Status;

const OnProgress kQuiet = [](const Progress&) {};

std::string migration_of_the_page() {
  std::ifstream file(EXAMPLE_MIGRATION);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class ExampleProjection : public testing::Test {
 protected:
  void SetUp() override {
    server.new_log(4);
    database = std::make_unique<Database>(server.settings());
    writer = std::make_unique<LogWriter>(server.settings());
    const auto embedded = eventstore::embedded_migrations();
    std::vector<eventstore::Migration> migrations(embedded.begin(), embedded.end());
    migrations.push_back({100, "activity", sql});
    const auto applied = eventstore::migrate(database->connection(), migrations);
    ASSERT_TRUE(applied) << applied.error().message;
    ASSERT_EQ(applied->size(), 1u);
  }

  void fold_live() {
    WorkerSettings settings;
    settings.postgres = server.settings();
    settings.instance = "one";
    settings.poll = std::chrono::milliseconds(100);
    settings.batch_events_max = 5;  // many batches, so that counts of several are added
    Projector projector({&activity()}, settings);
    ASSERT_TRUE(eventually([&] {
      return database->value(
                 "SELECT count(*) = 4 AND coalesce(sum(events_behind), 1) = 0 FROM projection_lag "
                 "WHERE projection = 'activity'") == "t";
    }));
  }

  void write() {
    for (int i = 0; i < 12; ++i) {
      const std::string id = "m-" + std::to_string(i);
      writer->append({message(id, i % 4 == 0 ? "david" : "fredy", "erin"), receipt(id, Status::read, "erin"),
                      typing("fredy", "erin", true)});
    }
  }

  const std::string sql = migration_of_the_page();
  LogServer server;
  std::unique_ptr<Database> database;
  std::unique_ptr<LogWriter> writer;
};

TEST_F(ExampleProjection, CountsAndIsFoldedRebuiltAndSeenInThePastLikeTheOthers) {
  write();
  fold_live();
  Database reader(server.settings("hermes_reader"));
  EXPECT_EQ(reader.rows("SELECT user_id, sum(messages) FROM activity GROUP BY user_id ORDER BY user_id"),
            (std::vector<Row>{{"david", "3"}, {"fredy", "9"}}));
  EXPECT_EQ(database->rows("SELECT * FROM activity ORDER BY 1, 2"),
            database->rows("SELECT actor_id, (recorded_at AT TIME ZONE 'UTC')::date, count(*) FROM event_log "
                           "WHERE event_type = 'MessageSent' GROUP BY 1, 2 ORDER BY 1, 2"));

  const std::string live = contents(*database, "activity");
  database->execute("UPDATE activity SET messages = 1000");
  const auto rebuilt = rebuild(activity(), {server.settings(), 2, 2}, kQuiet);
  ASSERT_TRUE(rebuilt) << rebuilt.error().message;
  EXPECT_EQ(contents(*database, "activity"), live);
  EXPECT_EQ(database->value("SELECT obj_description('activity'::regclass)"), "How many messages a user has sent on a day.");

  pqxx::work transaction(database->connection());
  const auto ends = ends_at(transaction, Timestamp::max());
  transaction.commit();
  const auto past = fold_into({{&activity()}, "past", ends, ""}, {server.settings(), 2, 2}, kQuiet);
  ASSERT_TRUE(past) << past.error().message;
  EXPECT_EQ(contents(*database, "activity", "past"), live);
}

}  // namespace
}  // namespace hermes::projections
