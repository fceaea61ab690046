// The projector against a real log: rows as the design has them, soon after the log grew. How several share the work is in
// leases_test.cc, what happens to an event that can't be applied in stuck_test.cc.
#include "projections/projector/projector.h"

#include <gtest/gtest.h>

#include "projections/read_models/chat.h"
#include "tests/support/appender.h"
#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/read_models.h"

namespace hermes::projections {
namespace {

using namespace test_support;
using domain::Status;

class ProjectorTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  void SetUp() override { new_log(4); }

  void new_log(int partitions) {
    server->new_log(partitions);
    database = std::make_unique<Database>(server->settings());
    writer = std::make_unique<LogWriter>(server->settings());
  }

  WorkerSettings settings(const std::string& instance = "one") const {
    WorkerSettings worker;
    worker.postgres = server->settings();
    worker.instance = instance;
    worker.poll = std::chrono::milliseconds(100);
    return worker;
  }

  static std::vector<const Projection*> all() { return {all_projections().begin(), all_projections().end()}; }

  bool caught_up() {
    return eventually([&] { return is_caught_up(*database); });
  }

  std::unique_ptr<Database> database;
  std::unique_ptr<LogWriter> writer;
};

std::unique_ptr<LogServer> ProjectorTest::server;

TEST_F(ProjectorTest, AMessageAndItsReceiptsBecomeRows) {
  writer->append({message("m-1", "fredy", "david", "Hello"), receipt("m-1", Status::delivered), receipt("m-1", Status::read)});
  Projector projector(all(), settings());
  ASSERT_TRUE(caught_up());

  EXPECT_EQ(database->rows("SELECT message_id, sender_id, sender_name, receiver_id, content, message_type FROM chat_messages"),
            (std::vector<Row>{{"m-1", "fredy", "fredy", "david", "Hello", "text"}}));
  EXPECT_EQ(database->rows("SELECT status, user_id FROM message_status WHERE message_id = 'm-1' ORDER BY id"),
            (std::vector<Row>{{"sent", "fredy"}, {"received_by_server", "server"}, {"delivered", "david"}, {"read", "david"}}));
}

TEST_F(ProjectorTest, ACheckpointThatSomebodyHoldsStopsItsPartitionAlone) {
  writer->append({message("before")});
  Projector projector(all(), settings());
  ASSERT_TRUE(caught_up());
  OpenTransaction operators(server->settings(),
                            "SELECT FROM projection_checkpoints WHERE projection = 'chat' AND partition = 1 FOR UPDATE");
  std::vector<domain::Command> commands;
  for (int i = 0; i < 40; ++i) commands.push_back(message("m-" + std::to_string(i)));
  writer->append(std::move(commands));
  EXPECT_TRUE(eventually([&] {
    return database->value(
               "SELECT string_agg(partition::text, ' ' ORDER BY partition) FROM projection_lag "
               "WHERE projection = 'chat' AND events_behind > 0") == "1";
  })) << "the others go on";
  operators.commit();
  EXPECT_TRUE(caught_up());
}

TEST_F(ProjectorTest, EveryValueComesFromTheLog) {
  writer->append({message("m-1"), message("m-2"), receipt("m-1", Status::delivered)});
  Projector projector(all(), settings());
  ASSERT_TRUE(caught_up());

  EXPECT_EQ(database->value("SELECT count(*) FROM message_status status JOIN event_log log "
                            "ON status.id = log.\"offset\" * 4 + log.partition AND status.timestamp = log.received_at "
                            "AND 'message/' || status.message_id = log.stream_id AND status.user_id = log.actor_id"),
            "5");
  EXPECT_EQ(database->value("SELECT count(*) FROM chat_messages message JOIN event_log log "
                            "ON log.stream_id = 'message/' || message_id AND version = 0 "
                            "AND created_at = received_at AND updated_at = received_at"),
            "2");
  // PostgreSQL has no UUID version 5 of its own: the version and variant nibbles, and the name's SHA-1, by openssl dgst.
  EXPECT_EQ(database->value("SELECT substr(id::text, 15, 1) FROM chat_messages WHERE message_id = 'm-1'"), "5");
}

// As before times of arrival were kept: an old log is rebuilt to the rows that it made.
TEST_F(ProjectorTest, AnEventWithoutATimeOfArrivalHasTheTimeOfItsRecording) {
  const auto connection = *postgres::connect(server->settings("hermes_ingester"));
  const auto user = [](const char* id) { return *domain::UserId::parse(id); };
  const auto appended = Appender(*connection)
                            .append(std::vector<StreamAppend>{
                                {.stream_id = "message/old",
                                 .actor_id = "fredy",
                                 .occurred_at = {},
                                 .events = {domain::MessageSent{user("fredy"), "Fredy", user("david"), "hello", "text"},
                                            domain::MessageReceived{}, domain::MessageRead{user("david")}},
                                 .expected_version = 0},
                                {.stream_id = "typing/fredy/david",
                                 .actor_id = "fredy",
                                 .occurred_at = {},
                                 .events = {domain::TypingStarted{user("fredy"), "Fredy", user("david")}},
                                 .expected_version = 0}});
  ASSERT_TRUE(appended);
  Projector projector(all(), settings());
  ASSERT_TRUE(caught_up());
  EXPECT_EQ(database->value("SELECT count(*) FROM event_log WHERE received_at IS NULL"), "4");
  for (const std::string times : {"SELECT created_at FROM chat_messages UNION ALL SELECT updated_at FROM chat_messages",
                                  "SELECT \"timestamp\" FROM message_status",
                                  "SELECT last_message_at FROM inbox UNION ALL SELECT last_activity_at FROM inbox",
                                  "SELECT started_at FROM typing_indicators"}) {
    EXPECT_EQ(database->value("SELECT bool_and(at IN (SELECT recorded_at FROM event_log)) FROM (" + times + ") t (at)"), "t")
        << times;
  }
}

TEST_F(ProjectorTest, InboxCountsTheUnreadAndKeepsTheLastMessage) {
  writer->append({message("m-1", "fredy", "david", "one"), message("m-2", "fredy", "david", "two")});
  writer->append({message("m-3", "david", "fredy", "three"), receipt("m-1", Status::read)});
  Projector projector(all(), settings());
  ASSERT_TRUE(caught_up());

  EXPECT_EQ(database->rows("SELECT user_id, peer_id, unread_count, last_content, last_sender_id FROM inbox ORDER BY 1"),
            (std::vector<Row>{{"david", "fredy", "1", "three", "david"}, {"fredy", "david", "1", "three", "david"}}));
}

TEST_F(ProjectorTest, InboxTakesAReceiptOfAnEarlierBatch) {
  Projector projector(all(), settings());
  writer->append({message("m-1")});
  ASSERT_TRUE(caught_up());
  EXPECT_EQ(database->value("SELECT unread_count FROM inbox WHERE user_id = 'david'"), "1");
  writer->append({receipt("m-1", Status::read)});
  ASSERT_TRUE(caught_up());
  EXPECT_EQ(database->value("SELECT unread_count FROM inbox WHERE user_id = 'david'"), "0");
}

TEST_F(ProjectorTest, BroadcastsDoNotCountAsUnread) {
  writer->append({message("m-1", "fredy", "all", "Hello all"), receipt("m-1", Status::read, "david")});
  Projector projector(all(), settings());
  ASSERT_TRUE(caught_up());
  EXPECT_EQ(database->rows("SELECT user_id, peer_id, unread_count, last_content FROM inbox"),
            (std::vector<Row>{{"fredy", "all", "0", "Hello all"}}));
}

TEST_F(ProjectorTest, TypingComesAndGoes) {
  writer->append({typing("fredy", "david", true), typing("erin", "david", true), typing("erin", "david", false)});
  Projector projector(all(), settings());
  ASSERT_TRUE(caught_up());
  EXPECT_EQ(database->rows("SELECT sender_id, receiver_id FROM typing_now"), (std::vector<Row>{{"fredy", "david"}}));
  // The reader's clock ages it out.
  database->execute("UPDATE typing_indicators SET started_at = started_at - interval '1 minute'");
  EXPECT_EQ(database->rows("SELECT * FROM typing_now").size(), 0u);
}

TEST_F(ProjectorTest, WakesByNotification) {
  WorkerSettings patient = settings();
  patient.poll = std::chrono::minutes(10);
  patient.lease = std::chrono::minutes(30);
  Projector projector(all(), patient);
  ASSERT_TRUE(
      eventually([&] { return database->value("SELECT count(*) FROM projection_leases WHERE owner = 'one'") == "12"; }));
  for (int i = 0; i < 20; ++i) {
    writer->append({message("m-" + std::to_string(i))});
    ASSERT_TRUE(caught_up());
  }
}

TEST_F(ProjectorTest, PollsWhenANotificationIsLost) {
  Projector projector(all(), settings());
  ASSERT_TRUE(
      eventually([&] { return database->value("SELECT count(*) FROM projection_leases WHERE owner = 'one'") == "12"; }));
  writer->append_in_silence("m-1");
  EXPECT_TRUE(caught_up());
  EXPECT_EQ(database->value("SELECT count(*) FROM chat_messages"), "1");
}

// From the moment the connection is lost, and until there is one again.
TEST_F(ProjectorTest, TellsThatTheDatabaseIsAwayAndThatItIsBack) {
  Projector projector({find_projection("chat")}, settings());
  const auto status = [&] { return projector.status().at("chat"); };
  ASSERT_TRUE(eventually([&] { return status().connected && status().partitions.size() == 4; }));
  EXPECT_EQ(status().failures, 0u);
  Database superuser(server->postgres().superuser());
  const std::string name = server->settings().database;
  superuser.execute("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false");
  superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name +
                    "' AND application_name LIKE 'hermes project%'");
  EXPECT_TRUE(eventually([&] { return !status().connected && !status().problem.empty(); }));
  EXPECT_TRUE(status().partitions.empty()) << "others may have them now";
  EXPECT_TRUE(eventually([&] { return status().failures >= 2; })) << "each attempt is one";
  superuser.execute("ALTER DATABASE " + name + " ALLOW_CONNECTIONS true");
  EXPECT_TRUE(eventually([&] { return status().connected && status().problem.empty() && status().partitions.size() == 4; }));
}

}  // namespace
}  // namespace hermes::projections
