// What a second try must do again, and what it must not: the try after sequences were repaired, and a receipt that already
// waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eventstore/commands/command_handler.h"
#include "tests/support/database.h"
#include "tests/support/log_fixture.h"

namespace hermes::eventstore {
namespace {

using namespace test_support;
using domain::Status;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SecondTry : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  void SetUp() override {
    server->new_log(1);
    database = std::make_unique<Database>(server->settings());
    start_afresh();
  }
  void TearDown() override { EXPECT_THAT(faults_of_log(*database), IsEmpty()); }

  // A handler that knows nothing of the log.
  void start_afresh() {
    handler.reset();
    connection = *postgres::connect(server->settings("hermes_ingester"));
    handler = std::make_unique<CommandHandler>(*connection, HandlerSettings{});
  }
  // Enough batches to leave the time after a start in which everything is loaded first.
  void warm_up() {
    for (int i = 0; i < 64; ++i) handle({typing("warm", "up", i % 2 == 0)});
  }

  std::vector<std::string> handle(const std::vector<Incoming>& incoming) {
    auto handled = handler->handle(incoming);
    if (!handled) return {"error: " + handled.error().detail};
    return outcomes(*handled);
  }
  std::vector<std::string> handle(std::vector<domain::Command> commands) { return handle(batch(std::move(commands))); }

  // The server counts what it rolled back; what a session has counted it hands in when it is told to.
  std::int64_t rolled_back() {
    pqxx::nontransaction(*connection).exec("SELECT pg_stat_force_next_flush()");
    return std::stoll(database->value("SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"));
  }

  std::unique_ptr<Database> database;
  postgres::ConnectionPtr connection;
  std::unique_ptr<CommandHandler> handler;
};

std::unique_ptr<LogServer> SecondTry::server;

// One repetition makes more of them likely: the batches after it look before they append.
TEST_F(SecondTry, AfterAMessageThatWasNotNewTheNextRepetitionCostsNoRollback) {
  handle({message("m1"), message("m2")});
  start_afresh();
  warm_up();
  ASSERT_THAT(handle({message("m1")}), ElementsAre("duplicate"));
  const std::int64_t before = rolled_back();
  EXPECT_THAT(handle({message("m2"), message("m3")}), ElementsAre("duplicate", "appended"));
  EXPECT_EQ(rolled_back(), before);
}

// The fault is still there: the batch is given back, and not tried for ever.
TEST_F(SecondTry, IsTheLast) {
  database->execute(
      "CREATE FUNCTION taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = "
      "'unique_violation', MESSAGE = 'taken', CONSTRAINT = 'rejected_events_pkey'; END $$;"
      "CREATE TRIGGER taken BEFORE INSERT ON rejected_events FOR EACH ROW EXECUTE FUNCTION taken()");
  const std::int64_t before = rolled_back();
  EXPECT_THAT(handle({malformed("x")}), ElementsAre(HasSubstr("taken")));
  EXPECT_EQ(rolled_back(), before + 2);
}

TEST_F(SecondTry, OfWhatWasRefusedForItsDataIsNotMade) {
  database->execute("ALTER TABLE event_log ADD CONSTRAINT no_poison CHECK (stream_id <> 'message/poison')");
  const std::int64_t before = rolled_back();
  EXPECT_THAT(handle({message("poison")}), ElementsAre(HasSubstr("no_poison")));
  EXPECT_EQ(rolled_back(), before + 1);
}

TEST_F(SecondTry, OfAReceiptThatWaitsLeavesTheFirstAndCountsItOnce) {
  handle({receipt("m1", Status::delivered)});
  const std::string first = database->value("SELECT id || ' ' || sequence || ' ' || received_at FROM parked_events");
  EXPECT_THAT(handle({receipt("m1", Status::delivered)}), ElementsAre("parked"));
  start_afresh();
  EXPECT_THAT(handle({receipt("m1", Status::delivered)}), ElementsAre("parked"));
  EXPECT_EQ(database->value("SELECT id || ' ' || sequence || ' ' || received_at FROM parked_events"), first);
  EXPECT_EQ(database->value("SELECT parked FROM event_log_heads"), "1");
}

TEST_F(SecondTry, AReceiptThatWaitedKeepsItsClientsTimeAndTheTimeOfItsArrival) {
  Incoming early = incoming(receipt("m1", Status::delivered));
  early.occurred_at = Timestamp(std::chrono::seconds(1'700'000'111));
  early.raw.received_at = Timestamp(std::chrono::seconds(1'700'000'222));
  Incoming timeless = incoming(receipt("m1", Status::read));
  timeless.occurred_at.reset();
  timeless.raw.received_at = Timestamp(std::chrono::seconds(1'700'000'333));
  ASSERT_THAT(handle({early, timeless}), ElementsAre("parked", "parked"));
  ASSERT_THAT(handle({message("m1")}), ElementsAre("appended"));
  EXPECT_THAT(database->column("SELECT coalesce(extract(epoch FROM occurred_at)::bigint::text, 'none') || ' ' || "
                               "extract(epoch FROM received_at)::bigint FROM event_log WHERE version >= 2 ORDER BY version"),
              ElementsAre("1700000111 1700000222", "none 1700000333"));
}

}  // namespace
}  // namespace hermes::eventstore
