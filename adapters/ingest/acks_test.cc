#include "adapters/ingest/acks.h"

#include <gtest/gtest.h>

#include <mutex>

#include "tests/support/eventually.h"
#include "tests/support/played_broker.h"

namespace hermes::ingest {
namespace {

using namespace test_support;

// With QoS 1 it would be sent again on each connection, and the broker would end each of them.
TEST(AckPublisher, SendsNothingToASenderWhomABrokerRefusesAsATopic) {
  std::mutex mutex;
  std::vector<std::string> published;
  PlayedBroker broker([&](PlayedBroker::Peer& peer, int) {
    peer.expect(kConnect);
    peer.say(kConnackNewSession);
    for (;;) {
      const std::string body = peer.expect(kPublish).body;
      std::lock_guard lock(mutex);
      published.push_back(body.substr(2, static_cast<unsigned char>(body[1])));
    }
  });
  mqtt::Settings settings;
  settings.port = broker.port();
  settings.client_id = "acks";
  mqtt::Client client(settings);
  ASSERT_TRUE(client.connect());
  prometheus::Registry registry;
  Metrics metrics(registry);
  AckPublisher acks(client, metrics, "chat/messages", 1, 10);
  acks.publish({{"m1", "a\uFDD0b"}, {"m2", "fredy"}});
  const auto seen = [&] {
    std::lock_guard lock(mutex);
    return published;
  };
  ASSERT_TRUE(eventually([&] { return !seen().empty(); }));
  EXPECT_EQ(seen(), std::vector<std::string>{"chat/messages/fredy"});
  EXPECT_EQ(metrics.acks_dropped.Value(), 1);
}

}  // namespace
}  // namespace hermes::ingest
