// A stream that this version cannot read (a newer one has written to it) makes its own messages wait, unchanged, and no others.
// They are applied when an ingester can read the stream. Old and new services run side by side meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eventstore/commands/postponed_messages.h"
#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"
#include "tests/support/read_models.h"

namespace hermes::eventstore {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class NewerStream : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  void SetUp() override {
    server->new_log(1);
    database = std::make_unique<Database>(server->settings());
    writer = std::make_unique<LogWriter>(server->settings());
    connection = *postgres::connect(server->settings("hermes_ingester"));
    handler = std::make_unique<CommandHandler>(*connection, HandlerSettings{});
  }

  std::vector<std::string> handle(std::vector<domain::Command> commands) {
    auto handled = handler->handle(batch(std::move(commands)));
    if (!handled) return {"error: " + handled.error().detail};
    return outcomes(*handled);
  }

  std::unique_ptr<Database> database;
  std::unique_ptr<LogWriter> writer;
  postgres::ConnectionPtr connection;
  std::unique_ptr<CommandHandler> handler;
};

std::unique_ptr<LogServer> NewerStream::server;

// Where a newer version has written to `stream`, nothing of it is left: as if this binary had become that version.
std::string as_if_upgraded(const std::string& stream) {
  return "ALTER TABLE event_log DISABLE TRIGGER event_log_immutable;"
         "DELETE FROM event_log WHERE stream_id = '" +
         stream +
         "' AND (schema_version = 99 OR event_type = 'MessageForgotten');"
         "UPDATE event_log_heads head SET next_offset = (SELECT coalesce(max(\"offset\") + 1, 0) FROM event_log log "
         "WHERE log.partition = head.partition);"
         "ALTER TABLE event_log ENABLE ALWAYS TRIGGER event_log_immutable";
}

TEST_F(NewerStream, ItsMessagesWaitAndThoseOfTheSameBatchGoOn) {
  writer->append({message("m1"), message("m2")});
  writer->append_as_is("message/m1", "MessageDelivered", 99, "from the future");
  EXPECT_THAT(handle({receipt("m2", Status::read), receipt("m1", Status::read), message("m1"), message("m3")}),
              ElementsAre("appended", "postponed", "postponed", "appended"));
  EXPECT_EQ(database->value("SELECT count(*) FROM rejected_events"), "0");
  EXPECT_THAT(database->column("SELECT reason FROM postponed_events"),
              testing::Each(AllOf(HasSubstr("message/m1 version 2"), HasSubstr("99"))));
}

TEST_F(NewerStream, AnUnknownEventTypeIsNewerToo) {
  writer->append({message("m1")});
  writer->append_as_is("message/m1", "MessageForgotten", 1, "");
  EXPECT_THAT(handle({receipt("m1", Status::read)}), ElementsAre("postponed"));
  EXPECT_EQ(database->value("SELECT count(*) FROM rejected_events"), "0");
}

TEST_F(NewerStream, ASenderThatRepeatsItselfWaitsOnce) {
  writer->append({message("m1")});
  writer->append_as_is("message/m1", "MessageForgotten", 1, "");
  for (int i = 0; i < 3; ++i) {
    Incoming again = incoming(message("m1"));
    again.raw.payload = "the same each time";
    ASSERT_TRUE(handler->handle(std::span(&again, 1)));
  }
  EXPECT_EQ(database->value("SELECT count(*) FROM postponed_events"), "1");
}

TEST_F(NewerStream, WhatWaitedIsReadInTheOrderOfArrivalWithAllThatItWas) {
  writer->append({message("m1")});
  writer->append_as_is("message/m1", "MessageForgotten", 1, "");
  std::vector<Incoming> both = batch({receipt("m1", Status::read), receipt("m1", Status::delivered)});
  both[0].raw.received_at += std::chrono::seconds(1);
  both[0].raw.payload = std::string("\0read\xff", 6);
  ASSERT_TRUE(handler->handle(both));
  const std::vector<PostponedMessage> waiting = read_postponed(*connection, std::nullopt, 10);
  ASSERT_THAT(waiting, SizeIs(2));
  EXPECT_EQ(waiting[1].raw.payload, both[0].raw.payload);
  EXPECT_EQ(waiting[1].raw.topic, both[0].raw.topic);
  EXPECT_EQ(waiting[1].raw.received_at, both[0].raw.received_at);
  EXPECT_EQ(waiting[1].sequence, both[0].sequence);
  EXPECT_THAT(read_postponed(*connection, PostponedAfter{waiting[0].raw.received_at, waiting[0].sequence}, 10), SizeIs(1));
  const PostponedMessage* const first = &waiting[0];
  remove_postponed(*connection, std::span(&first, 1));
  EXPECT_THAT(read_postponed(*connection, std::nullopt, 10), SizeIs(1));
}

// The contract of docs/schema-evolution.md: what runs goes on when `hermes migrate` of the next version has been there.
TEST(RollingUpgrade, OldServicesGoOnBesideANewDatabaseAndTheNewOnesTakeUpWhatWaited) {
  IngestStack stack(1);
  auto old = stack.ready_ingester("one");
  stack.publish("david", IngestStack::message("m1"));
  ASSERT_TRUE(eventually([&] { return stack.events().size() == 2; }));
  Database& database = stack.database();
  database.execute(
      "INSERT INTO hermes_schema_migrations (number, name, checksum) VALUES (9999, 'newer', 'newer');"
      "ALTER TABLE event_log ADD COLUMN newer text; ALTER TABLE rejected_events ADD COLUMN newer text;"
      "INSERT INTO event_log SELECT partition, 2, stream_key, stream_id, 2, 'MessageForgotten', 1, 'fredy', NULL, "
      "recorded_at, '', hash FROM event_log WHERE version = 0;"
      "UPDATE event_log_heads SET next_offset = 3");

  auto fredy = stack.listen("fredy");
  stack.publish("fredy", IngestStack::status("m1", "read", "david"));
  stack.publish("david", IngestStack::message("m2"));
  EXPECT_TRUE(eventually([&] { return IngestStack::heard(fredy).size() == 2; }));  // what was published, and m2's answer
  EXPECT_TRUE(eventually([&] { return database.value("SELECT count(*) FROM postponed_events") == "1"; }));
  EXPECT_EQ(database.value("SELECT count(*) FROM rejected_events"), "0");
  EXPECT_TRUE(eventually([&] { return !IngestStack::ready(old); }));
  EXPECT_THAT(old.log(), HasSubstr("MessageForgotten"));

  // Started anew it would have to know what the database has become.
  old.process.stop();
  auto refused = stack.start_ingester("one");
  EXPECT_TRUE(eventually([&] { return !refused.process.running(); }));
  EXPECT_THAT(refused.log(), HasSubstr("newer than this binary"));

  database.execute(as_if_upgraded("message/m1") + "; DELETE FROM hermes_schema_migrations WHERE number = 9999");
  auto upgraded = stack.ready_ingester("one");
  EXPECT_TRUE(eventually([&] { return database.value("SELECT count(*) FROM postponed_events") == "0"; }));
  EXPECT_EQ(stack.count("event_type = 'MessageRead' AND stream_id = 'message/m1'"), 1);
}

}  // namespace
}  // namespace hermes::eventstore
