// What the ingester makes of its session at the broker: of one that another client takes over, and of a broker that grants too
// little for nothing to be lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"
#include "tests/support/network/played_broker.h"

namespace hermes::test_support {
namespace {

using testing::HasSubstr;

TEST(BrokerSession, TakenOverByAnotherClientIsSaidAndMadeAgain) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  stack.publish("david", IngestStack::message("before"));
  ASSERT_TRUE(eventually([&] { return stack.count("event_type = 'MessageSent'") == 1; }));

  // Begins the session anew and ends it: the ingester's subscription is gone with it.
  const std::string client_id = stack.topic().substr(0, stack.topic().find('/')) + "-one";
  const Finished intruder = run({"mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", std::to_string(stack.broker().port()),
                                 "-i", client_id, "-t", "elsewhere", "-n"});
  ASSERT_EQ(intruder.exit_code, 0) << intruder.errors;
  EXPECT_TRUE(eventually([&] { return ingester.log().find("lost the broker: ") != std::string::npos; })) << ingester.log();

  // As senders do: again, until it is known to be safe.
  EXPECT_TRUE(eventually([&] {
    stack.publish("david", IngestStack::message("after"));
    return stack.count("stream_id = 'message/after'") > 0;
  })) << ingester.log();
  EXPECT_TRUE(eventually([&] { return IngestStack::ready(ingester); }));
  EXPECT_EQ(stack.count("event_type = 'MessageSent'"), 2);
}

TEST(BrokerSession, WithOnlyQos0IsNotReadyAndMendsItselfWithTheBroker) {
  IngestStack stack;
  PrivateMosquitto broker({.settings = {"max_qos 0"}});
  const TemporaryFolder folder;
  const std::uint16_t http_port = free_port();
  const auto start = [&](const std::string& log) {
    Environment environment = environment_for(stack.postgres(), broker);
    environment["POSTGRES_DB"] = stack.database().value("SELECT current_database()");
    environment["MQTT_TOPIC"] = stack.topic();
    environment["HERMES_HTTP_PORT"] = std::to_string(http_port);
    environment["HERMES_SPOOL_DIR"] = folder / "spool";
    return IngestStack::Ingester{Process::start({hermes_command(), "ingest"},
                                                {.environment = environment, .folder = folder.path(), .output = folder / log}),
                                 http_port, "qos", folder / "spool"};
  };
  const auto publish = [&](const std::string& id, int qos) {
    const Finished published = run({"mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", std::to_string(broker.port()), "-q",
                                    std::to_string(qos), "-t", stack.topic() + "/david", "-s"},
                                   {}, IngestStack::message(id));
    ASSERT_EQ(published.exit_code, 0) << published.errors;
  };
  const auto arrived = [&](const std::string& id) { return stack.count("stream_id = 'message/" + id + "'") > 0; };
  const auto readiness = [&] {
    return run({"curl", "--silent", "--max-time", "10", "http://127.0.0.1:" + std::to_string(http_port) + "/readyz"}).output;
  };

  auto ingester = start("first.log");
  EXPECT_TRUE(eventually([&] { return readiness().find("grants only QoS 0") != std::string::npos; }))
      << readiness() << ingester.log();
  EXPECT_FALSE(IngestStack::ready(ingester));
  EXPECT_THAT(ingester.log(), HasSubstr("grants only QoS 0"));
  publish("at-qos-0", 0);  // what does come is kept all the same
  EXPECT_TRUE(eventually([&] { return arrived("at-qos-0"); }));

  // The broker's own memory of the subscription still says QoS 0.
  broker.stop();
  broker.replace_settings({});
  broker.start();
  EXPECT_TRUE(eventually([&] { return IngestStack::ready(ingester); })) << readiness() << ingester.log();

  // A broker keeps for a client that is away only what it subscribed to at QoS 1.
  ASSERT_EQ(ingester.process.stop(), 0) << ingester.log();
  publish("while-away", 1);
  auto second_life = start("second.log");
  EXPECT_TRUE(eventually([&] { return arrived("while-away"); })) << second_life.log();

  // And the other way round: a broker that grants less after a restart is noticed though the session is resumed.
  broker.stop();
  broker.replace_settings({"max_qos 0"});
  broker.start();
  EXPECT_TRUE(eventually([&] { return readiness().find("grants only QoS 0") != std::string::npos; }))
      << readiness() << second_life.log();
}

// An ingester whose broker is a played one.
IngestStack::Ingester ingester_at(std::uint16_t broker_port, IngestStack& stack, const TemporaryFolder& folder) {
  const std::uint16_t http_port = free_port();
  Environment environment = environment_for(stack.postgres(), stack.broker());
  environment["POSTGRES_DB"] = stack.database().value("SELECT current_database()");
  environment["MQTT_BROKER_PORT"] = std::to_string(broker_port);
  environment["HERMES_HTTP_PORT"] = std::to_string(http_port);
  environment["HERMES_SPOOL_DIR"] = folder / "spool";
  return {Process::start({hermes_command(), "ingest"},
                         {.environment = environment, .folder = folder.path(), .output = folder / "ingest.log"}),
          http_port, "played", folder / "spool"};
}

TEST(BrokerSession, WhoseRenewedSubscriptionIsRefusedIsNotReadyAndSaysWhy) {
  IngestStack stack;
  std::atomic<bool> refuses = true;
  PlayedBroker broker([&](PlayedBroker::Peer& peer, int connection) {
    peer.expect(kConnect);
    peer.say(kConnackNewSession);
    constexpr int kNotAuthorized = 0x87;
    do {
      peer.answer(peer.expect(kSubscribe), kSuback, connection > 1 && refuses ? kNotAuthorized : 1);
    } while (connection > 1);
  });
  const TemporaryFolder folder;
  const auto ingester = ingester_at(broker.port(), stack, folder);
  const auto readiness = [&] {
    return run({"curl", "--silent", "--max-time", "10", "http://127.0.0.1:" + std::to_string(ingester.http_port) + "/readyz"})
        .output;
  };
  EXPECT_TRUE(eventually([&] { return readiness().find("refuses it to this user") != std::string::npos; }))
      << readiness() << ingester.log();
  refuses = false;
  EXPECT_TRUE(eventually([&] { return IngestStack::ready(ingester); })) << readiness() << ingester.log();
}

TEST(BrokerSession, OfAnIngesterThatJoinsAGroupUnderItsOldNameGetsEachMessageOnce) {
  IngestStack stack;
  {
    auto alone = stack.ready_ingester();
    ASSERT_EQ(alone.process.stop(), 0) << alone.log();
  }
  auto shared = stack.start_ingester("one", {"--share-group", "group"});
  ASSERT_TRUE(eventually([&] {
    return shared.log().find("no longer subscribed to " + stack.topic() + "/#") != std::string::npos;
  })) << shared.log();
  ASSERT_TRUE(eventually([&] { return IngestStack::ready(shared); })) << shared.log();
  stack.publish("david", IngestStack::message("m1"));
  stack.publish("david", IngestStack::message("m2"));
  ASSERT_TRUE(eventually([&] { return stack.count("event_type = 'MessageSent'") == 2; })) << shared.log();
  EXPECT_EQ(IngestStack::metric(shared, "hermes_ingest_duplicate_messages_total"), 0);
}

// Other brokers than Mosquitto may send what they retain although nobody asked.
TEST(BrokerSession, OfWhatIsRetainedOnlyMessagesAreTaken) {
  IngestStack stack;
  PlayedBroker broker([&](PlayedBroker::Peer& peer, int) {
    peer.expect(kConnect);
    peer.say(kConnackNewSession);
    peer.answer(peer.expect(kSubscribe), kSuback, 1);
    constexpr bool kRetained = true;
    peer.publish("chat/messages/d", R"({"type":"typing","sender_id":"f","sender_name":"F","receiver_id":"d","is_typing":true})",
                 1, kRetained);
    peer.publish("chat/messages/d", R"({"type":"status","message_id":"m1","status":"read","user_id":"d"})", 2, kRetained);
    peer.publish("chat/messages/d", "no JSON", 3, kRetained);
    peer.publish("chat/messages/d", R"({"message_id":"m1","sender_id":"f","sender_name":"F","receiver_id":"d","content":""})",
                 4, kRetained);
    peer.stay();
  });
  const TemporaryFolder folder;
  const auto ingester = ingester_at(broker.port(), stack, folder);
  ASSERT_TRUE(eventually([&] { return stack.count("event_type = 'MessageSent'") == 1; })) << ingester.log();
  EXPECT_EQ(IngestStack::metric(ingester, "hermes_ingest_retained_messages_ignored_total"), 3);
  EXPECT_EQ(stack.count("event_type NOT IN ('MessageSent', 'MessageReceived')"), 0);
  EXPECT_EQ(stack.database().value("SELECT count(*) FROM rejected_events"), "0");
}

TEST(BrokerSession, ThatIsFreshGetsNothingThatIsRetained) {
  IngestStack stack;
  for (const char* payload :
       {"no JSON", R"({"type":"typing","sender_id":"f","sender_name":"F","receiver_id":"d","is_typing":true})"}) {
    const Finished retained =
        run({"mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", std::to_string(stack.broker().port()), "-q", "1", "-r", "-t",
             stack.topic() + "/" + std::to_string(std::string_view(payload).size()), "-s"},
            {}, payload);
    ASSERT_EQ(retained.exit_code, 0) << retained.errors;
  }
  auto ingester = stack.ready_ingester();
  stack.publish("d", IngestStack::message("m1"));
  ASSERT_TRUE(eventually([&] { return stack.count("event_type = 'MessageSent'") == 1; })) << ingester.log();
  EXPECT_EQ(stack.count("event_type = 'TypingStarted'"), 0);
  EXPECT_EQ(stack.database().value("SELECT count(*) FROM rejected_events"), "0");
}

}  // namespace
}  // namespace hermes::test_support
