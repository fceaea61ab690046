// From a client we did not write to the log and back: what mosquitto_pub publishes becomes events, and its sender is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"

namespace hermes::test_support {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST(Ingest, AppendsAMessageAndTellsItsSender) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  auto fredy = stack.listen("fredy");

  stack.publish("david", IngestStack::message("m1"));

  EXPECT_TRUE(eventually([&] { return IngestStack::heard(fredy).size() == 1; }));
  EXPECT_THAT(IngestStack::heard(fredy),
              ElementsAre(AllOf(HasSubstr(R"("type":"status")"), HasSubstr(R"("message_id":"m1")"),
                                HasSubstr(R"("status":"received_by_server")"), HasSubstr(R"("user_id":"server")"))));
  EXPECT_THAT(stack.events(), ElementsAre("message/m1 0 MessageSent fredy", "message/m1 1 MessageReceived server"));
  EXPECT_EQ(stack.database().value("SELECT occurred_at AT TIME ZONE 'UTC' FROM event_log WHERE version = 0"),
            "2026-01-31 12:00:00.123456");
}

TEST(Ingest, AppendsReceiptsInAnyLegalOrder) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  stack.publish("david", IngestStack::message("m1"));
  stack.publish("fredy", IngestStack::status("m1", "read", "david"));  // older clients never say delivered
  stack.publish("fredy", IngestStack::status("m1", "delivered", "david"));

  EXPECT_TRUE(eventually([&] { return stack.events().size() == 4; }));
  EXPECT_THAT(stack.events(), ElementsAre("message/m1 0 MessageSent fredy", "message/m1 1 MessageReceived server",
                                          "message/m1 2 MessageRead david", "message/m1 3 MessageDelivered david"));
}

TEST(Ingest, TakesTypingThroughTheLog) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  stack.publish_lines("david", {IngestStack::typing("fredy", "david", true), IngestStack::typing("fredy", "david", true),
                                IngestStack::typing("fredy", "david", false)});
  EXPECT_TRUE(eventually([&] { return stack.events().size() == 2; }));
  EXPECT_THAT(stack.events(),
              ElementsAre("typing/fredy/david 0 TypingStarted fredy", "typing/fredy/david 1 TypingStopped fredy"));
}

TEST(Ingest, AnswersARepeatedMessageAgainAndAppendsItOnce) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  auto fredy = stack.listen("fredy");
  stack.publish("david", IngestStack::message("m1"));
  stack.publish("david", IngestStack::message("m1"));
  EXPECT_TRUE(eventually([&] { return IngestStack::heard(fredy).size() == 2; }));
  EXPECT_THAT(stack.events(), SizeIs(2));
}

// More than a client may have under way at QoS 1 (1,000): each waits for its turn, and none is forgotten.
TEST(Ingest, AnswersAtQos1WhenToldTo) {
  constexpr std::size_t kMessages = 2'500;
  IngestStack stack;
  auto ingester = stack.ready_ingester("one", {"--ack-qos", "1"});
  auto fredy = stack.listen("fredy");
  std::vector<std::string> payloads;
  for (std::size_t i = 0; i < kMessages; ++i) payloads.push_back(IngestStack::message("m" + std::to_string(i)));
  stack.publish_lines("david", payloads);
  EXPECT_TRUE(eventually([&] { return IngestStack::heard(fredy).size() >= kMessages; }));
  EXPECT_THAT(IngestStack::heard(fredy), SizeIs(kMessages));
}

// An older client: QoS 0, each message on both topics, naive times, no type, read without delivered.
TEST(Ingest, TakesTheTrafficOfAnOlderClient) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  auto fredy = stack.listen("fredy");
  std::string message = IngestStack::message("old-1");
  message.erase(message.find(R"("type":"message",)"), std::string_view(R"("type":"message",)").size());
  stack.publish("", message, 0);
  stack.publish("david", message, 0);
  stack.publish("fredy", IngestStack::status("old-1", "read", "david"), 0);

  EXPECT_TRUE(eventually([&] { return stack.events().size() == 3; }));
  EXPECT_TRUE(eventually([&] { return IngestStack::heard(fredy).size() == 3; }));  // two acknowledgements and the receipt
  EXPECT_THAT(stack.events(), ElementsAre("message/old-1 0 MessageSent fredy", "message/old-1 1 MessageReceived server",
                                          "message/old-1 2 MessageRead david"));
}

TEST(Ingest, KeepsABroadcastAndTheReceiptsOfItsRecipients) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  stack.publish("all", IngestStack::message("b1", "fredy", "all"));
  for (const char* user : {"david", "clara"}) stack.publish("fredy", IngestStack::status("b1", "delivered", user));
  EXPECT_TRUE(eventually([&] { return stack.events().size() == 4; }));
  EXPECT_EQ(stack.count("event_type = 'MessageDelivered'"), 2);
}

TEST(Ingest, AppliesAReceiptThatCameBeforeItsMessage) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  stack.publish("fredy", IngestStack::status("early", "delivered", "david"));
  EXPECT_TRUE(eventually([&] { return stack.database().value("SELECT count(*) FROM parked_events") == "1"; }));
  EXPECT_THAT(stack.events(), IsEmpty());

  stack.publish("david", IngestStack::message("early"));
  EXPECT_TRUE(eventually([&] { return stack.events().size() == 3; }));
  EXPECT_THAT(stack.events(), ElementsAre("message/early 0 MessageSent fredy", "message/early 1 MessageReceived server",
                                          "message/early 2 MessageDelivered david"));
  EXPECT_EQ(stack.database().value("SELECT count(*) FROM parked_events"), "0");
}

TEST(Ingest, KeepsTheLogSoundAndEverythingInItUnderManyMessages) {
  IngestStack stack;
  auto ingester = stack.ready_ingester("one", {"--workers", "2", "--batch", "100"});
  std::vector<std::string> payloads;
  for (int i = 0; i < 2'000; ++i)
    payloads.push_back(IngestStack::message("m" + std::to_string(i), "user" + std::to_string(i % 7)));
  stack.publish_lines("david", payloads);
  EXPECT_TRUE(eventually([&] { return stack.count("event_type = 'MessageReceived'") == 2'000; }));
  EXPECT_EQ(stack.count("true"), 4'000);
  EXPECT_THAT(faults_of_log(stack.database()), IsEmpty());
  // Counted after the commit that the rows came with.
  EXPECT_TRUE(eventually([&] { return IngestStack::metric(ingester, "hermes_ingest_appended_messages_total") == 2'000; }));
}

TEST(Ingest, FinishesWhatItTookAndEndsCleanlyOnSigterm) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  std::vector<std::string> payloads;
  for (int i = 0; i < 500; ++i) payloads.push_back(IngestStack::message("m" + std::to_string(i)));
  stack.publish_lines("david", payloads);
  ASSERT_TRUE(eventually([&] { return IngestStack::metric(ingester, "hermes_ingest_received_messages_total") == 500; }));
  EXPECT_EQ(ingester.process.stop(), 0) << ingester.log();
  EXPECT_EQ(stack.count("event_type = 'MessageReceived'"), 500);
}

}  // namespace
}  // namespace hermes::test_support
