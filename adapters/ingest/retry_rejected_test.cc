// Rejected messages that are tried again, on a database that refuses one of them: the batch is halved until that one is alone.
#include "adapters/ingest/retry_rejected.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/database.h"
#include "tests/support/ingest_stack.h"
#include "tests/support/log_fixture.h"

namespace hermes::ingest {
namespace {

using namespace test_support;
using testing::ElementsAre;
using testing::IsEmpty;

class RetryRejectedTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  void SetUp() override {
    server->new_log();
    database = std::make_unique<Database>(server->settings());
    connection = *postgres::connect(server->settings("hermes_ingester"));
    handler = std::make_unique<eventstore::CommandHandler>(*connection, eventstore::HandlerSettings{});
    database->execute("ALTER TABLE event_log ADD CONSTRAINT no_poison CHECK (stream_id <> 'message/poison')");
  }

  // Rejected in this order, and open.
  void reject(const std::vector<std::string>& payloads) {
    std::vector<eventstore::Incoming> incoming;
    for (const std::string& payload : payloads) incoming.push_back(malformed(payload));
    ASSERT_TRUE(handler->handle(incoming));
  }

  // "ID OUTCOME", in the order in which it is told.
  std::vector<std::string> retry() {
    std::vector<std::string> told;
    const auto done = retry_rejected(
        *connection, *handler, eventstore::open_rejected(*connection, "", 0, 100), "anna",
        [&](const Retried& retried) { told.push_back(std::to_string(retried.id) + " " + name_of(retried.outcome)); });
    if (!done) told.push_back("error: " + done.error().detail);
    return told;
  }
  static std::string name_of(Retried::Outcome outcome) {
    switch (outcome) {
      case Retried::Outcome::appended: return "appended";
      case Retried::Outcome::duplicate: return "duplicate";
      case Retried::Outcome::waits: return "waits";
      case Retried::Outcome::refused: return "refused";
      case Retried::Outcome::not_open: return "not open";
    }
    return "unknown";
  }

  std::unique_ptr<Database> database;
  postgres::ConnectionPtr connection;
  std::unique_ptr<eventstore::CommandHandler> handler;
};

std::unique_ptr<LogServer> RetryRejectedTest::server;

// A receipt before its message would wait; a second text of one id would be the conflicting one.
TEST_F(RetryRejectedTest, HalvesAreTriedInTheOrderInWhichTheyCame) {
  reject({IngestStack::message("m1", "fredy", "david", "first"), IngestStack::message("poison"),
          IngestStack::status("m1", "read", "david"), IngestStack::message("m1", "fredy", "david", "second")});
  EXPECT_THAT(retry(), ElementsAre("1 appended", "2 refused", "3 appended", "4 refused"));
  EXPECT_THAT(database->column("SELECT version || ' ' || event_type FROM event_log ORDER BY version"),
              ElementsAre("0 MessageSent", "1 MessageReceived", "2 MessageRead"));
  EXPECT_THAT(database->column("SELECT id || ' ' || coalesce(resolution, 'open') FROM rejected_events ORDER BY id"),
              ElementsAre("1 retried", "2 open", "3 retried", "4 open"));
}

TEST_F(RetryRejectedTest, TheOneThatIsRefusedMayBeTheFirstOrTheLast) {
  reject({IngestStack::message("poison"), IngestStack::message("m1"), IngestStack::message("m2")});
  EXPECT_THAT(retry(), ElementsAre("1 refused", "2 appended", "3 appended"));
  reject({IngestStack::message("m3"), IngestStack::message("poison")});
  EXPECT_THAT(retry(), ElementsAre("1 refused", "4 appended", "5 refused"));
}

TEST_F(RetryRejectedTest, WhatSomebodyResolvedMeanwhileIsToldAndTheOthersGoOn) {
  reject({IngestStack::message("m1"), IngestStack::message("m2"), IngestStack::message("m3")});
  const auto open = eventstore::open_rejected(*connection, "", 0, 100);
  const std::vector<std::int64_t> second{open[1].id};
  ASSERT_THAT(eventstore::drop_rejected(*connection, second, "bob", "for the test"), IsEmpty());
  std::vector<std::string> told;
  ASSERT_TRUE(retry_rejected(*connection, *handler, open, "anna", [&](const Retried& retried) {
    told.push_back(std::to_string(retried.id) + " " + name_of(retried.outcome) + ": " + retried.detail);
  }));
  EXPECT_THAT(told,
              ElementsAre(testing::StartsWith("1 appended"), "2 not open: dropped by bob", testing::StartsWith("3 appended")));
}

}  // namespace
}  // namespace hermes::ingest
