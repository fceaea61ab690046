// A batch that takes too long neither loses its leases nor stops its projection: the leases are renewed while it runs, it is
// halved until it fits, and a single event that is too slow is named while everything else goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "projections/projector/lease_keeper.h"
#include "projections/projector/projector.h"
#include "tests/support/eventually.h"
#include "tests/support/read_models.h"

namespace hermes::projections {
namespace {

using namespace test_support;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;

constexpr int kPartitions = 8;

const Projection& chat() { return *find_projection("chat"); }

class SlowBatch : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  void SetUp() override {
    server->new_log(kPartitions);
    database = std::make_unique<Database>(server->settings());
    writer = std::make_unique<LogWriter>(server->settings());
  }

  WorkerSettings settings(const std::string& instance) const {
    WorkerSettings worker;
    worker.postgres = server->settings();
    worker.instance = instance;
    worker.poll = milliseconds(100);
    return worker;
  }

  // An operator's trigger stands for whatever makes rows slow.
  void make_rows_slow(const std::string& seconds, const std::string& when = "true") {
    database->execute("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(" + seconds +
                      "); RETURN NEW; END $$;"
                      "CREATE TRIGGER slow BEFORE INSERT ON chat_messages FOR EACH ROW WHEN (" +
                      when +
                      ") EXECUTE FUNCTION slow();"
                      "ALTER TABLE chat_messages ENABLE ALWAYS TRIGGER slow");
  }

  void write(int messages, const std::string& prefix = "m-") {
    std::vector<domain::Command> commands;
    for (int i = 0; i < messages; ++i) commands.push_back(message(prefix + std::to_string(i)));
    writer->append(std::move(commands));
  }

  bool chat_catches_up() {
    return eventually([&] {
      return database->value(
                 "SELECT count(*) = 8 AND coalesce(sum(events_behind), 1) = 0 FROM projection_lag "
                 "WHERE projection = 'chat'") == "t";
    });
  }
  // All but the partition that is named.
  bool the_others_catch_up() {
    return eventually([&] {
      return database->value(
                 "SELECT count(*) FROM projection_lag WHERE projection = 'chat' AND events_behind > 0 "
                 "AND stuck_offset IS NULL") == "0";
    });
  }
  bool is_shared_by(const std::string& owners) {
    return eventually([&] {
      return database->value(
                 "SELECT string_agg(owner || ' ' || count, ', ' ORDER BY owner) FROM (SELECT owner, count(*) AS count "
                 "FROM projection_leases WHERE projection = 'chat' GROUP BY owner) AS shares") == owners;
    });
  }

  std::unique_ptr<Database> database;
  std::unique_ptr<LogWriter> writer;
};

std::unique_ptr<LogServer> SlowBatch::server;

TEST_F(SlowBatch, OneThatOutlastsTheLeaseKeepsIt) {
  make_rows_slow("0.15");
  WorkerSettings one = settings("one"), two = settings("two");
  one.lease = two.lease = milliseconds(3'000);
  Projector first({&chat()}, one), second({&chat()}, two);
  ASSERT_TRUE(is_shared_by("one 4, two 4"));
  const std::string epochs =
      "SELECT string_agg(partition || ':' || epoch, ' ' ORDER BY partition) FROM projection_leases "
      "WHERE projection = 'chat'";
  const std::string before = database->value(epochs);
  write(100);  // some fifty messages each, in one batch: twice as long as the lease
  ASSERT_TRUE(chat_catches_up());
  EXPECT_EQ(database->value(epochs), before);  // nobody has taken anything from anybody
  EXPECT_EQ(database->value("SELECT count(*) FROM chat_messages"), "100");
}

TEST_F(SlowBatch, OneThatTheStatementTimeoutCancelsIsHalvedUntilItFits) {
  make_rows_slow("0.05");
  write(100);
  WorkerSettings one = settings("one");
  one.statement_longest = milliseconds(1'000);
  Projector projector({&chat()}, one);
  ASSERT_TRUE(chat_catches_up());
  EXPECT_EQ(database->value("SELECT count(*) FROM chat_messages"), "100");
}

TEST_F(SlowBatch, ASingleEventThatIsTooSlowIsNamedAndEverythingElseGoesOn) {
  make_rows_slow("600", "NEW.content = 'slow'");
  writer->append({message("slow", "fredy", "david", "slow")});
  write(40);
  WorkerSettings one = settings("one");
  one.statement_longest = milliseconds(1'000);
  Projector projector({&chat()}, one);
  ASSERT_TRUE(eventually([&] { return database->value("SELECT count(*) FROM projection_stuck") == "1"; }));
  EXPECT_EQ(database->value("SELECT projection || ' ' || stream_id || ' ' || event_type FROM projection_stuck"),
            "chat message/slow MessageSent");
  EXPECT_THAT(database->value("SELECT reason FROM projection_stuck"), AllOf(HasSubstr("too slow"), HasSubstr("57014")));
  EXPECT_TRUE(the_others_catch_up());
}

TEST_F(SlowBatch, AnEventThatWasTooSlowIsAppliedOnceItsCauseIsGone) {
  make_rows_slow("600", "NEW.content = 'slow'");
  writer->append({message("slow", "fredy", "david", "slow")});
  WorkerSettings one = settings("one");
  one.statement_longest = milliseconds(1'000);
  one.slow_event_pause = milliseconds(500);
  Projector projector({&chat()}, one);
  ASSERT_TRUE(eventually([&] { return database->value("SELECT count(*) FROM projection_stuck") == "1"; }));
  database->execute("ALTER TABLE chat_messages DISABLE TRIGGER slow");
  EXPECT_TRUE(chat_catches_up());
  EXPECT_TRUE(eventually([&] { return database->value("SELECT count(*) FROM projection_stuck") == "0"; }));
}

// As the next owner of a lease does it, whose own batch would fare no better.
TEST_F(SlowBatch, ABatchWhoseSessionIsEndedIsHalvedToo) {
  make_rows_slow("600", "NEW.content = 'slow'");
  writer->append({message("slow", "fredy", "david", "slow")});
  write(40);
  Projector projector({&chat()}, settings("one"));
  EXPECT_TRUE(eventually([&] {
    database->value(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
        "AND application_name = 'hermes project chat' AND datname = current_database()");
    return database->value("SELECT stream_id FROM projection_stuck") == "message/slow";
  }));
  EXPECT_TRUE(the_others_catch_up());
}

// Epochs fence: who was paused past its lease finds that the keeper of its next batch gives it nothing back.
TEST_F(SlowBatch, AKeeperRenewsOnlyTheEpochsThatItWasGiven) {
  const postgres::ConnectionPtr connection = *postgres::connect(server->settings("hermes_projector"));
  database->execute("INSERT INTO projection_leases (projection, partition) SELECT 'chat', partition FROM event_log_heads");
  Leases leases(*connection, "chat", "one", milliseconds(600));
  leases.renew();
  database->execute(
      "UPDATE projection_leases SET epoch = epoch + 1, expires_at = 'infinity' WHERE partition < 4;"
      "UPDATE projection_leases SET owner = 'two', expires_at = 'infinity' WHERE partition = 4;"
      "UPDATE projection_leases SET expires_at = 'infinity' WHERE partition > 4");
  LeaseKeeper keeper(server->settings("hermes_projector"), "chat", "one", milliseconds(600));
  const LeaseKeeper::Batch batch(keeper, leases.owned());
  EXPECT_TRUE(eventually([&] {
    return database->value(
               "SELECT string_agg(partition::text, ' ' ORDER BY partition) FROM projection_leases "
               "WHERE projection = 'chat' AND expires_at <> 'infinity'") == "5 6 7";
  }));
}

}  // namespace
}  // namespace hermes::projections
