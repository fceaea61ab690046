// The command handler on a real database: the outcome of a batch, and that the log is right, as checked by SQL.
#include "eventstore/commands/command_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/appender.h"
#include "tests/support/log_fixture.h"

namespace hermes::eventstore {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CommandHandlerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new LogServer; }
  static void TearDownTestSuite() { delete server_; }

  void SetUp() override {
    server_->new_log();
    database_ = std::make_unique<Database>(server_->settings());
    connection_ = connect();
    handler_ = std::make_unique<CommandHandler>(*connection_, HandlerSettings{});
  }
  void TearDown() override {
    handler_.reset();
    EXPECT_THAT(faults_of_log(*database_), IsEmpty());
  }

  static postgres::ConnectionPtr connect() {
    auto connection = postgres::connect(server_->settings("hermes_ingester"));
    EXPECT_TRUE(connection) << connection.error().message;
    return *std::move(connection);
  }

  std::vector<std::string> handle(const std::vector<Incoming>& incoming) {
    auto handled = handler_->handle(incoming);
    if (!handled) return {"error: " + handled.error().detail};
    return outcomes(*handled);
  }
  std::vector<std::string> handle(std::vector<domain::Command> commands) { return handle(batch(std::move(commands))); }
  // A handler with an empty cache, as after a restart.
  void forget() {
    connection_ = connect();
    handler_ = std::make_unique<CommandHandler>(*connection_, HandlerSettings{});
  }
  // Enough batches to end the phase after a start in which everything is loaded first.
  void warm_up() {
    for (int i = 0; i < 64; ++i) handle({typing("warm", "up", i % 2 == 0)});
  }
  std::vector<std::string> stream(const std::string& id) {
    return database_->column("SELECT version || ' ' || event_type || ' ' || actor_id FROM event_log WHERE stream_id = '" + id +
                             "' ORDER BY version");
  }

  static LogServer* server_;
  std::unique_ptr<Database> database_;
  postgres::ConnectionPtr connection_;
  std::unique_ptr<CommandHandler> handler_;
};
LogServer* CommandHandlerTest::server_ = nullptr;

TEST_F(CommandHandlerTest, AppendsAMessageAndItsReceipts) {
  EXPECT_THAT(handle({message("m1"), receipt("m1", Status::delivered)}), ElementsAre("appended", "appended"));
  EXPECT_THAT(handle({receipt("m1", Status::read)}), ElementsAre("appended"));
  EXPECT_THAT(stream("message/m1"), ElementsAre("0 MessageSent fredy", "1 MessageReceived server", "2 MessageDelivered david",
                                                "3 MessageRead david"));
}

TEST_F(CommandHandlerTest, KeepsTheClientsTimeAndTheDatabasesClock) {
  handle({message("m1")});
  EXPECT_THAT(database_->column("SELECT coalesce(occurred_at::text, 'none') FROM event_log ORDER BY version"),
              ElementsAre(HasSubstr("2023-11-14"), "none"));
  EXPECT_EQ(database_->value("SELECT bool_and(abs(extract(epoch FROM recorded_at - clock_timestamp())) < 60) FROM event_log"),
            "t");
}

TEST_F(CommandHandlerTest, ReturnsThePositionOfTheFirstEvent) {
  auto handled = handler_->handle(batch({message("m1"), message("m1")}));
  ASSERT_TRUE(handled);
  ASSERT_TRUE((*handled)[0].position);
  EXPECT_EQ((*handled)[0].position->partition, partition_of(stream_key("message/m1"), handler_->partition_count()));
  EXPECT_EQ((*handled)[0].position->offset, 0);
  EXPECT_FALSE((*handled)[1].position);
}

TEST_F(CommandHandlerTest, TellsDuplicatesFromConflicts) {
  const auto commands = [] {
    return std::vector<domain::Command>{message("m1"), message("m1"), message("m1", "fredy", "david", "other")};
  };
  EXPECT_THAT(handle(commands()), ElementsAre("appended", "duplicate", "conflicting_message"));
  EXPECT_THAT(handle(commands()), ElementsAre("duplicate", "duplicate", "conflicting_message"));
  forget();
  EXPECT_THAT(handle(commands()), ElementsAre("duplicate", "duplicate", "conflicting_message"));
  EXPECT_EQ(database_->value("SELECT count(*) FROM event_log"), "2");
  EXPECT_EQ(database_->value("SELECT count(*) FROM rejected_events WHERE reason = 'conflicting_message'"), "3");
}

TEST_F(CommandHandlerTest, LetsTheUniqueIndexJudgeWhatIsNew) {
  handle({message("m1")});
  forget();
  warm_up();
  EXPECT_THAT(handle({message("m0"), message("m1"), receipt("m1", Status::delivered)}),
              ElementsAre("appended", "duplicate", "appended"));
}

TEST_F(CommandHandlerTest, KeepsWhatIsRefusedWithItsRawBytes) {
  const std::string bytes("\0\xff{\"", 4);
  auto strange = malformed(bytes);
  strange.raw.topic = "chat/messages/\xc3\x28";
  EXPECT_THAT(handle(std::vector<Incoming>{strange, incoming(message("m1")), incoming(receipt("m1", Status::read, "eve"))}),
              ElementsAre("malformed_json", "appended", "not_a_recipient"));
  EXPECT_THAT(
      database_->rows("SELECT reason, encode(payload, 'hex'), topic, message_id, actor_id FROM rejected_events ORDER BY id"),
      ElementsAre(ElementsAre("malformed_json", "00ff7b22", "chat/messages/\\xc3(", "", ""),
                  ElementsAre("not_a_recipient", testing::_, "chat/messages/david", "m1", "eve")));
}

TEST_F(CommandHandlerTest, KeepsARejectedMessageOnceThoughItComesTwice) {
  const std::vector<Incoming> incoming{malformed("x")};
  handle(incoming);
  EXPECT_THAT(handle(incoming), ElementsAre("malformed_json"));
  handle(std::vector<Incoming>{malformed("x")});
  EXPECT_EQ(database_->value("SELECT count(*) FROM rejected_events"), "2");
}

TEST_F(CommandHandlerTest, ParksAReceiptUntilItsMessageComes) {
  EXPECT_THAT(handle({receipt("m1", Status::delivered), receipt("m1", Status::delivered), receipt("m1", Status::read)}),
              ElementsAre("parked", "parked", "parked"));
  EXPECT_EQ(database_->value("SELECT count(*) || ' ' || (SELECT sum(parked) FROM event_log_heads) FROM parked_events"), "2 2");
  EXPECT_THAT(handle({message("m1")}), ElementsAre("appended"));
  EXPECT_THAT(stream("message/m1"), ElementsAre("0 MessageSent fredy", "1 MessageReceived server", "2 MessageDelivered david",
                                                "3 MessageRead david"));
  EXPECT_EQ(database_->value("SELECT count(*) || ' ' || (SELECT sum(parked) FROM event_log_heads) FROM parked_events"), "0 0");
}

TEST_F(CommandHandlerTest, AppliesAReceiptThatComesBeforeItsMessageInTheSameBatch) {
  EXPECT_THAT(handle({receipt("m1", Status::read), message("m1"), receipt("m1", Status::read)}),
              ElementsAre("appended", "appended", "duplicate"));
  EXPECT_EQ(database_->value("SELECT count(*) FROM parked_events"), "0");
}

TEST_F(CommandHandlerTest, RejectsAParkedReceiptThatItsMessageDoesNotAllow) {
  handle({receipt("m1", Status::read, "eve")});
  EXPECT_THAT(handle({message("m1")}), ElementsAre("appended"));
  EXPECT_THAT(database_->rows("SELECT reason, message_id, actor_id FROM rejected_events"),
              ElementsAre(ElementsAre("not_a_recipient", "m1", "eve")));
  EXPECT_EQ(database_->value("SELECT count(*) FROM parked_events"), "0");
}

TEST_F(CommandHandlerTest, NeverParksWhatOnlyTheServerMayState) {
  EXPECT_THAT(handle({receipt("m1", Status::received_by_server)}), ElementsAre("server_only_status"));
}

TEST_F(CommandHandlerTest, MovesReceiptsThatWaitedTooLong) {
  handle({receipt("m1", Status::delivered), receipt("m2", Status::read)});
  auto kept = handler_->expire_parked(std::chrono::hours(1));
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, 0u);
  auto moved = handler_->expire_parked(std::chrono::seconds(0));
  ASSERT_TRUE(moved) << moved.error().detail;
  EXPECT_EQ(*moved, 2u);
  EXPECT_THAT(database_->column("SELECT reason || ' ' || message_id || ' ' || actor_id FROM rejected_events ORDER BY id"),
              testing::UnorderedElementsAre("parked_too_long m1 david", "parked_too_long m2 david"));
  EXPECT_THAT(handle({message("m1")}), ElementsAre("appended"));
  EXPECT_THAT(stream("message/m1").size(), 2);
}

TEST_F(CommandHandlerTest, RecordsTypingAsAStreamOfItsOwn) {
  EXPECT_THAT(handle({typing("fredy", "david", true), typing("fredy", "david", true), typing("fredy", "david", false)}),
              ElementsAre("appended", "duplicate", "appended"));
  EXPECT_THAT(stream("typing/fredy/david"), ElementsAre("0 TypingStarted fredy", "1 TypingStopped fredy"));
}

TEST_F(CommandHandlerTest, RecordsThatSomebodyStillTypesEachTenSeconds) {
  // The clock never goes behind the head: it stands where the head is put.
  const auto still_types_after = [&](const std::string& seconds) {
    database_->execute("UPDATE event_log_heads SET last_recorded_at = timestamptz '2100-01-01Z' + interval '" + seconds +
                       " seconds'");
    return handle(std::vector{incoming(typing("fredy", "david", true))}).at(0);
  };
  EXPECT_EQ(still_types_after("0"), "appended");
  EXPECT_EQ(still_types_after("9.999999"), "duplicate");
  EXPECT_EQ(still_types_after("10"), "appended");
  forget();  // from now on by the log
  EXPECT_EQ(still_types_after("19.999999"), "duplicate");
  forget();
  EXPECT_EQ(still_types_after("20"), "appended");
  EXPECT_THAT(stream("typing/fredy/david").size(), 3);
}

TEST_F(CommandHandlerTest, SeesWhatAnotherHandlerAppended) {
  handle({message("m1")});
  postgres::ConnectionPtr other_connection = connect();
  CommandHandler other(*other_connection, {});
  ASSERT_TRUE(other.handle(batch({receipt("m1", Status::delivered)})));
  EXPECT_THAT(handle({receipt("m1", Status::delivered), receipt("m1", Status::read)}), ElementsAre("duplicate", "appended"));
  auto last = other.handle(batch({receipt("m1", Status::read)}));
  ASSERT_TRUE(last);
  EXPECT_THAT(outcomes(*last), ElementsAre("duplicate"));
}

// The server that took over lacks what the handler saw committed, and is ahead of it all the same: others have gone on there.
TEST_F(CommandHandlerTest, RemembersNothingOfAServerThatAnotherTookOverFrom) {
  server_->new_log(1);
  forget();
  handle({message("lost"), receipt("lost", Status::delivered)});
  server_->new_log(1);
  database_ = std::make_unique<Database>(server_->settings());
  const postgres::ConnectionPtr other_connection = connect();
  CommandHandler other(*other_connection, {});
  ASSERT_TRUE(other.handle(batch({message("m1"), message("m2"), message("m3")})));

  postgres::ConnectionPtr next = connect();
  handler_->reconnected(*next);
  connection_ = std::move(next);
  EXPECT_THAT(handle({receipt("lost", Status::delivered)}), ElementsAre("parked"));
  EXPECT_THAT(handle({message("lost")}), ElementsAre("appended")) << "a duplicate would be acknowledged, and is nowhere";
  EXPECT_THAT(stream("message/lost"),
              ElementsAre("0 MessageSent fredy", "1 MessageReceived server", "2 MessageDelivered david"));
}

// Somebody has put the log back while its connections stayed, and others have gone on to where it was.
TEST_F(CommandHandlerTest, RemembersNothingOfALogThatEndsInSomethingElse) {
  server_->new_log(1);
  database_ = std::make_unique<Database>(server_->settings());
  forget();
  handle({message("lost")});
  postgres::Settings superuser = server_->postgres().superuser();
  superuser.database = server_->settings().database;
  Database(superuser).execute(
      "ALTER TABLE event_log DISABLE TRIGGER ALL; DELETE FROM event_log; "
      "UPDATE event_log_heads SET next_offset = 0, last_hash = DEFAULT, last_recorded_at = DEFAULT");
  const postgres::ConnectionPtr other_connection = connect();
  CommandHandler other(*other_connection, {});
  ASSERT_TRUE(other.handle(batch({message("m1")})));

  EXPECT_THAT(handle({receipt("lost", Status::delivered)}), ElementsAre("parked"));
  EXPECT_THAT(handle({message("lost")}), ElementsAre("appended"));
}

TEST_F(CommandHandlerTest, SeesASingleEventThatAnotherAppended) {
  handle({typing("fredy", "david", true), typing("fredy", "david", false)});
  postgres::ConnectionPtr other_connection = connect();
  CommandHandler other(*other_connection, {});
  ASSERT_TRUE(other.handle(batch({typing("fredy", "david", true)})));
  EXPECT_THAT(handle({typing("fredy", "david", false)}), ElementsAre("appended"));
}

TEST_F(CommandHandlerTest, ExpiryTakesWhatItRejectsFromTheCountOfParked) {
  server_->new_log(1);
  database_ = std::make_unique<Database>(server_->settings());
  forget();
  handle({receipt("m1", Status::delivered), receipt("m2", Status::read)});
  ASSERT_TRUE(handler_->expire_parked(std::chrono::seconds(0)));
  EXPECT_EQ(database_->value("SELECT sum(parked) FROM event_log_heads"), "0");
}

TEST_F(CommandHandlerTest, ParksAsManyReceiptsForAMessageAsMayWaitAndNoMore) {
  server_->new_log(1);
  database_ = std::make_unique<Database>(server_->settings());
  forget();
  database_->execute(
      "INSERT INTO parked_events (partition, stream_key, message_id, status, user_id, occurred_at, received_at, topic, "
      "payload, sequence) "
      "SELECT 0, encode(substr(sha256('message/flooded'), 1, 16), 'hex')::uuid, 'flooded', 'read', 'user-' || n, NULL, now(), "
      "'t', '', n FROM generate_series(1, 9999) n; "
      "UPDATE event_log_heads SET parked = 9999");
  EXPECT_THAT(handle({receipt("flooded", Status::read, "one"), receipt("flooded", Status::read, "two"),
                      receipt("other", Status::read, "two")}),
              ElementsAre("parked", "parked_too_many", "parked"));
  EXPECT_THAT(handle({receipt("flooded", Status::read, "three")}), ElementsAre("parked_too_many"));
  EXPECT_THAT(handle({message("flooded", "fredy", "all")}), ElementsAre("appended"));
  EXPECT_EQ(database_->value("SELECT count(*) FROM event_log WHERE event_type = 'MessageRead'"), "10000");
}

TEST_F(CommandHandlerTest, ExpiresNoMoreThanItIsAllowed) {
  std::vector<domain::Command> receipts;
  for (int i = 0; i < 2'500; ++i) receipts.push_back(receipt("never-" + std::to_string(i), Status::read));
  ASSERT_TRUE(handler_->handle(batch(std::move(receipts))));
  auto expired = handler_->expire_parked(std::chrono::seconds(0), 2'000);
  ASSERT_TRUE(expired);
  EXPECT_EQ(*expired, 2'000u);
  expired = handler_->expire_parked(std::chrono::seconds(0), 2'000);
  ASSERT_TRUE(expired);
  EXPECT_EQ(*expired, 500u);
}

TEST_F(CommandHandlerTest, WorksWithACacheOfNoSize) {
  handler_ = std::make_unique<CommandHandler>(*connection_, HandlerSettings{.cache_capacity = 0});
  handle({message("m1")});
  EXPECT_THAT(handle({receipt("m1", Status::delivered), message("m1")}), ElementsAre("appended", "duplicate"));
}

TEST_F(CommandHandlerTest, NotifiesItsReadersOncePerBatch) {
  struct Receiver : pqxx::notification_receiver {
    using pqxx::notification_receiver::notification_receiver;
    void operator()(const std::string& payload, int) override { payloads.push_back(payload); }
    std::vector<std::string> payloads;
  };
  Receiver receiver(database_->connection(), std::string(kNotificationChannel));
  std::vector<domain::Command> commands;
  for (int i = 0; i < 200; ++i) commands.push_back(message("m" + std::to_string(i)));
  handle(std::move(commands));
  ASSERT_GT(database_->connection().await_notification(30, 0), 0);
  EXPECT_THAT(receiver.payloads, ElementsAre("0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"));
}

TEST_F(CommandHandlerTest, ConcurrentHandlersLeaveNoGapAndLoseNoUpdate) {
  // Every handler sends the same messages and receipts in another order, so that they meet on every stream.
  constexpr int kHandlers = 3;
  constexpr int kMessages = 300;
  std::vector<std::thread> threads;
  for (int h = 0; h < kHandlers; ++h) {
    threads.emplace_back([h] {
      postgres::ConnectionPtr connection = connect();
      CommandHandler handler(*connection, {.cache_capacity = 50});
      for (int begin = 0; begin < kMessages; begin += 20) {
        std::vector<domain::Command> commands;
        for (int i = 0; i < 20; ++i) {
          const std::string id = "m" + std::to_string((begin + i * 7 + h * 100) % kMessages);
          commands.push_back(receipt(id, Status::read));
          commands.push_back(message(id));
          commands.push_back(receipt(id, Status::delivered));
        }
        auto handled = handler.handle(batch(std::move(commands)));
        ASSERT_TRUE(handled) << handled.error().detail;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(
      database_->rows("SELECT event_type, count(*), count(DISTINCT stream_key) FROM event_log GROUP BY 1 ORDER BY 1"),
      Each(testing::Contains(testing::StrEq(database_->value("SELECT count(DISTINCT stream_key) FROM event_log"))).Times(2)));
  EXPECT_EQ(database_->value("SELECT count(*) FROM rejected_events"), "0");
  EXPECT_EQ(database_->value("SELECT count(*) FROM parked_events"), "0");
}

TEST_F(CommandHandlerTest, ABatchThatTheDatabaseRefusesLeavesNothing) {
  Database(server_->settings()).execute("ALTER TABLE event_log ADD CONSTRAINT no_poison CHECK (stream_id <> 'message/poison')");
  handle({message("m1")});
  auto refused = handler_->handle(batch({message("m2"), message("poison"), receipt("m1", Status::read)}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, HandleError::Kind::refused);
  EXPECT_THAT(refused.error().detail, AllOf(HasSubstr("no_poison"), HasSubstr("23514")));
  EXPECT_EQ(database_->value("SELECT count(*) FROM event_log"), "2");
  EXPECT_THAT(handle({message("m2"), receipt("m1", Status::read)}), ElementsAre("appended", "appended"));
}

TEST_F(CommandHandlerTest, AStreamThatNoRuleAllowsIsNamedAndItsMessagesWait) {
  const auto user = domain::UserId::parse("david");
  Appender appender(*connection_);
  ASSERT_TRUE(appender.append(std::vector<StreamAppend>{{.stream_id = "message/broken",
                                                         .actor_id = "david",
                                                         .occurred_at = {},
                                                         .events = {domain::MessageRead{*user}},
                                                         .expected_version = {}}}));
  EXPECT_THAT(handle({message("broken"), message("m1")}), ElementsAre("postponed", "appended"));
  EXPECT_THAT(database_->value("SELECT reason FROM postponed_events WHERE stream_id = 'message/broken'"),
              HasSubstr("message/broken version 0"));
}

TEST_F(CommandHandlerTest, AReadOnlyDatabaseIsNotTheDatasFault) {
  const auto set_read_only = [&](const std::string& value) {
    Database(server_->settings())
        .execute("ALTER DATABASE " + server_->settings().database + " SET default_transaction_read_only = " + value);
    connection_ = connect();
    handler_->reconnected(*connection_);
  };
  set_read_only("on");
  auto refused = handler_->handle(batch({message("m1")}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, HandleError::Kind::later);
  EXPECT_THAT(refused.error().detail, HasSubstr("25006"));
  Database(server_->postgres().superuser())
      .execute("ALTER DATABASE " + server_->settings().database + " SET default_transaction_read_only = off");
  connection_ = connect();
  handler_->reconnected(*connection_);
  EXPECT_THAT(handle({message("m1")}), ElementsAre("appended"));
}

}  // namespace
}  // namespace hermes::eventstore
