// The last step of a rebuild: what the live tables got since the copies were last filled is folded into those while the
// projectors wait. Usually nothing or a little of everything has come; here each case by itself, without luck.
#include "projections/rebuild/swap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "eventstore/log/event_reader.h"
#include "projections/projector/leases.h"
#include "projections/projector/projector.h"
#include "projections/rebuild/rebuild_steps.h"
#include "tests/support/eventually.h"
#include "tests/support/read_models.h"

namespace hermes::projections {
namespace {

using namespace test_support;
using domain::Status;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kPartitions = 4;
const OnProgress kQuiet = [](const Progress&) {};

class SwapTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  void SetUp() override {
    server->new_log(kPartitions);
    database = std::make_unique<Database>(server->settings());
    writer = std::make_unique<LogWriter>(server->settings());
    for (const char* id : {"m-1", "m-2", "m-3"}) writer->append({message(id), receipt(id, Status::delivered)});
    fold_live();
    build();
  }

  // A projector that has folded all there is, and has ended.
  void fold_live() {
    WorkerSettings settings;
    settings.postgres = server->settings();
    settings.instance = "one";
    settings.poll = std::chrono::milliseconds(20);
    Projector projector({all_projections().begin(), all_projections().end()}, settings);
    ASSERT_TRUE(eventually([&] { return is_caught_up(*database); }));
  }

  // The copies, with all that is in the log now.
  void build() {
    connection = connect_builder(server->settings(), kCopies);
    make_schema(*connection, kCopies);
    make_schema(*connection, kReplaced);
    folded = heads();
    std::vector<eventstore::PartitionRange> ranges;
    for (std::int16_t partition = 0; partition < kPartitions; ++partition)
      ranges.push_back({partition, 0, folded[static_cast<std::size_t>(partition)]});
    live = build_tables(projection, kCopies, ranges, {server->settings(), 2, 2}, kQuiet).live;
  }
  std::vector<eventstore::Offset> heads() {
    pqxx::nontransaction query(*connection);
    return eventstore::read_heads(*connection);
  }

  Swapped swap() {
    pqxx::work transaction(*connection);
    const Skips skips = read_skips(transaction, projection);
    transaction.commit();
    return swap_knowing(skips);
  }
  Swapped swap_knowing(const Skips& skips) {
    return swap_tables({projection, live, kCopies, kReplaced, folded, kPartitions, skips}, *connection);
  }

  std::vector<std::string> checkpoints() {
    return database->column("SELECT next_offset FROM projection_checkpoints WHERE projection = 'chat' ORDER BY partition");
  }
  std::string tables() { return contents(*database, "chat_messages") + contents(*database, "message_status"); }
  static std::string position_of(const std::string& condition) {
    return "SELECT partition, \"offset\" FROM event_log WHERE " + condition;
  }
  void stuck_at(const std::string& position) {
    database->execute(
        "INSERT INTO projection_stuck (projection, partition, \"offset\", stream_id, event_type, reason) SELECT 'chat', "
        "p.partition, p.\"offset\", 'message/m-1', 'MessageSent', 'of a test' FROM (" +
        position + ") p");
  }
  std::string stuck() { return database->value("SELECT count(*) FROM projection_stuck"); }

  // Changes the live tables after the copies were made; what the swap says of it.
  std::string told_after(const std::string& change) {
    database->execute(change);
    const std::string before = tables();
    try {
      swap();
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(tables(), before);
      return error.what();
    }
    return "swapped";
  }

  static constexpr const char* kCopies = "copies";
  static constexpr const char* kReplaced = "replaced";
  const Projection& projection = *find_projection("chat");
  std::unique_ptr<Database> database;
  std::unique_ptr<LogWriter> writer;
  postgres::ConnectionPtr connection;
  std::vector<eventstore::Offset> folded;
  std::vector<LiveTable> live;
};

std::unique_ptr<LogServer> SwapTest::server;

TEST_F(SwapTest, WithNothingLeftFoldsNothing) {
  const std::string before = tables();
  const std::vector<std::string> at = checkpoints();
  const Swapped swapped = swap();
  EXPECT_TRUE(swapped.done);
  EXPECT_EQ(swapped.events, 0u);
  EXPECT_EQ(tables(), before);
  EXPECT_EQ(checkpoints(), at);
}

TEST_F(SwapTest, TakesTheOneEventAlongThatTheLiveTablesGotMeanwhile) {
  writer->append({receipt("m-1", Status::read)});
  fold_live();
  const std::string before = tables();
  const std::vector<std::string> at = checkpoints();
  const Swapped swapped = swap();
  EXPECT_TRUE(swapped.done);
  EXPECT_EQ(swapped.events, 1u);
  EXPECT_EQ(tables(), before);
  EXPECT_EQ(checkpoints(), at);
  writer->append({receipt("m-2", Status::read)});
  fold_live();
  EXPECT_THAT(faults_of_read_models(server->settings()), IsEmpty());
}

TEST_F(SwapTest, LeavesOutTheOneEventThatIsSkipped) {
  writer->append({receipt("m-1", Status::read)});
  database->execute(
      "INSERT INTO projection_skips (projection, partition, \"offset\", reason) SELECT 'chat', partition, \"offset\", "
      "'of a test' FROM (" +
      position_of("event_type = 'MessageRead'") + ") p");
  fold_live();
  const std::string before = tables();
  const std::vector<std::string> at = checkpoints();
  EXPECT_TRUE(swap().done);
  EXPECT_EQ(tables(), before);
  EXPECT_EQ(database->value("SELECT count(*) FROM message_status WHERE status = 'read'"), "0");
  EXPECT_EQ(checkpoints(), at);
}

TEST_F(SwapTest, TakesTheCheckpointsAlongWhereTheCopiesAreAhead) {
  database->execute("UPDATE projection_checkpoints SET next_offset = 0 WHERE projection = 'chat'");
  EXPECT_TRUE(swap().done);
  std::vector<std::string> ends;
  for (const eventstore::Offset head : heads()) ends.push_back(std::to_string(head));
  EXPECT_EQ(checkpoints(), ends);
}

// As after a restore of the log alone (docs/backup.md): the tables have what is not in the log any more.
TEST_F(SwapTest, BringsCheckpointsThatAreAheadOfTheLogBackToItsEnd) {
  const std::vector<std::string> ends = checkpoints();
  database->execute("UPDATE projection_checkpoints SET next_offset = next_offset + 100 WHERE projection = 'chat'");
  EXPECT_TRUE(swap().done);
  EXPECT_EQ(checkpoints(), ends);
}

TEST_F(SwapTest, FreesAPartitionThatWasStuckAtTheLastEventThatTheCopiesHave) {
  stuck_at("SELECT partition, next_offset - 1 AS \"offset\" FROM event_log_heads WHERE next_offset > 0 LIMIT 1");
  ASSERT_EQ(stuck(), "1");
  EXPECT_TRUE(swap().done);
  EXPECT_EQ(stuck(), "0");
}

TEST_F(SwapTest, LeavesAPartitionStuckAtTheFirstEventThatTheCopiesLack) {
  writer->append({receipt("m-1", Status::read)});
  stuck_at(position_of("event_type = 'MessageRead'"));
  const std::string since = database->value("SELECT since FROM projection_stuck");
  EXPECT_TRUE(swap().done);
  EXPECT_EQ(stuck(), "1");
  EXPECT_EQ(database->value("SELECT since FROM projection_stuck"), since);
}

TEST_F(SwapTest, TellsTheProjectorsAtOnce) {
  class Heard : public pqxx::notification_receiver {
   public:
    explicit Heard(pqxx::connection_base& listening)
        : pqxx::notification_receiver(listening, std::string(kProjectorsChannel)) {}
    void operator()(const std::string& payload, int) override { payloads.push_back(payload); }
    std::vector<std::string> payloads;
  };
  Heard heard(database->connection());
  EXPECT_TRUE(swap().done);
  EXPECT_TRUE(eventually([&] { return database->connection().get_notifs() > 0; }));
  EXPECT_THAT(heard.payloads, ElementsAre("chat"));
}

// Held by a reader that does not let go. Nothing is exchanged, and the projectors go on from where they were.
TEST_F(SwapTest, ThatReadersHoldUpLeavesEverythingAsItWas) {
  writer->append({receipt("m-1", Status::read)});
  fold_live();
  const std::string before = tables();
  const std::vector<std::string> at = checkpoints();
  {
    const OpenTransaction reader(server->settings(), "SELECT count(*) FROM message_status");
    EXPECT_FALSE(swap().done);
  }
  EXPECT_EQ(tables(), before);
  EXPECT_EQ(checkpoints(), at);
  EXPECT_EQ(database->value("SELECT count(*) FROM pg_class WHERE relnamespace = 'replaced'::regnamespace"), "0");
  EXPECT_TRUE(swap().done);
  EXPECT_EQ(tables(), before);
}

// The copies have it, and no projector would make it.
TEST_F(SwapTest, RefusesWhereAnEventOfTheCopiesWasSkippedMeanwhile) {
  database->execute(
      "INSERT INTO projection_skips (projection, partition, \"offset\", reason) SELECT 'chat', partition, \"offset\", "
      "'of a test' FROM (" +
      position_of("event_type = 'MessageDelivered' LIMIT 1") + ") p");
  const std::string before = tables();
  EXPECT_THROW(swap_knowing({}), std::runtime_error);
  EXPECT_EQ(tables(), before);
}

// What neither has yet may be skipped at any time.
TEST_F(SwapTest, AnEventThatWasSkippedBehindTheCopiesHoldsUpNothing) {
  writer->append({receipt("m-1", Status::read)});
  database->execute(
      "INSERT INTO projection_skips (projection, partition, \"offset\", reason) SELECT 'chat', partition, \"offset\", "
      "'of a test' FROM (" +
      position_of("event_type = 'MessageRead'") + ") p");
  EXPECT_TRUE(swap_knowing({}).done);
}

// It would be lost with the old tables.
TEST_F(SwapTest, RefusesWhereAnIndexCameMeanwhile) {
  EXPECT_THAT(told_after("CREATE INDEX somebodys ON chat_messages (content)"), HasSubstr("changed"));
}
TEST_F(SwapTest, RefusesWhereAGrantCameMeanwhile) {
  EXPECT_THAT(told_after("GRANT INSERT ON message_status TO hermes_reader"), HasSubstr("changed"));
}
TEST_F(SwapTest, RefusesWhereACommentCameMeanwhile) {
  EXPECT_THAT(told_after("COMMENT ON COLUMN chat_messages.content IS 'somebody was here'"), HasSubstr("changed"));
}
TEST_F(SwapTest, RefusesWhereAColumnCameMeanwhile) {
  EXPECT_THAT(told_after("ALTER TABLE chat_messages ADD COLUMN somebodys text"), HasSubstr("changed"));
}
TEST_F(SwapTest, TakesAViewAlongThatCameMeanwhile) {
  EXPECT_EQ(told_after("CREATE VIEW somebodys AS SELECT message_id FROM chat_messages"), "swapped");
  EXPECT_EQ(database->value("SELECT count(*) FROM somebodys"), "3");
}

}  // namespace
}  // namespace hermes::projections
