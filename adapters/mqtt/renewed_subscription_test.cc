// When the broker has lost the session, the client subscribes again, and the answer counts. The test plays the broker, because
// no real one refuses a subscription that it granted before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/mqtt/client.h"
#include "tests/support/eventually.h"
#include "tests/support/network/played_broker.h"

namespace hermes::mqtt {
namespace {

using namespace test_support;
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr int kNotAuthorized = 0x87;

// A client that subscribed on the first connection, which has ended.
class RenewedSubscription : public testing::Test {
 protected:
  void subscribe(const PlayedBroker& broker) {
    Settings settings;
    settings.port = broker.port();
    settings.client_id = "renews";
    settings.reconnect_min = 10ms;
    settings.reconnect_max = 50ms;
    settings.subscribe_timeout = subscribe_timeout_;
    client_.emplace(settings);
    client_->on_disconnected([this](const Disconnection& disconnection) {
      std::lock_guard lock(mutex_);
      reasons_.push_back(disconnection.reason);
    });
    ASSERT_TRUE(client_->connect());
    const auto granted = client_->subscribe("a/#", 1, false);
    ASSERT_TRUE(granted) << granted.error().message;
  }
  bool eventually_subscribed() {
    return eventually([&] { return client_->subscribed(); });
  }
  std::string reasons() {
    std::lock_guard lock(mutex_);
    std::string all;
    for (const std::string& reason : reasons_) all += reason + "\n";
    return all;
  }

  // The first connection: as it should be, until the client has its answer.
  static void first_connection(PlayedBroker::Peer& peer) {
    peer.expect(kConnect);
    peer.say(kConnackNewSession);
    peer.answer(peer.expect(kSubscribe), kSuback, 1);
  }

  std::chrono::milliseconds subscribe_timeout_ = 1min;
  std::mutex mutex_;
  std::vector<std::string> reasons_;
  std::optional<Client> client_;
};

TEST_F(RenewedSubscription, ThatIsRefusedEndsTheConnectionAndIsAskedForAgainInTheSessionThatWasLeft) {
  PlayedBroker broker([](PlayedBroker::Peer& peer, int connection) {
    if (connection == 1) return first_connection(peer);
    peer.expect(kConnect);
    peer.say(connection == 2 ? kConnackNewSession : kConnackSessionPresent);
    peer.answer(peer.expect(kSubscribe), kSuback, connection == 2 ? kNotAuthorized : 1);
    peer.stay();
  });
  subscribe(broker);
  EXPECT_TRUE(eventually([&] { return broker.connections() >= 3; }));
  EXPECT_TRUE(eventually_subscribed());
  EXPECT_THAT(reasons(), HasSubstr("no subscription to a/#: the broker refuses it to this user"));
}

TEST_F(RenewedSubscription, ThatIsNotAnsweredEndsTheConnectionAndIsAskedForAgain) {
  PlayedBroker broker([](PlayedBroker::Peer& peer, int connection) {
    if (connection == 1) return first_connection(peer);
    peer.expect(kConnect);
    peer.say(connection == 2 ? kConnackNewSession : kConnackSessionPresent);
    if (connection > 2) peer.answer(peer.expect(kSubscribe), kSuback, 1);
    peer.stay();
  });
  subscribe_timeout_ = 2s;
  subscribe(broker);
  EXPECT_TRUE(eventually([&] { return broker.connections() >= 3; }));
  EXPECT_TRUE(eventually_subscribed());
  EXPECT_THAT(reasons(), HasSubstr("does not answer to a subscription"));
}

TEST_F(RenewedSubscription, WhoseConnectionWasLostBeforeTheAnswerIsAskedForAgain) {
  std::atomic<bool> asked_again = false;
  PlayedBroker broker([&](PlayedBroker::Peer& peer, int connection) {
    if (connection == 1) return first_connection(peer);
    peer.expect(kConnect);
    peer.say(connection == 2 ? kConnackNewSession : kConnackSessionPresent);
    if (connection == 2) return;
    peer.answer(peer.expect(kSubscribe), kSuback, 1);
    asked_again = true;
    peer.stay();
  });
  subscribe(broker);
  EXPECT_TRUE(eventually([&] { return asked_again.load(); }));
  EXPECT_TRUE(eventually_subscribed());
}

TEST_F(RenewedSubscription, IsNotThereBeforeTheBrokerSaysSo) {
  std::atomic<bool> may_answer = false;
  PlayedBroker broker([&](PlayedBroker::Peer& peer, int connection) {
    if (connection == 1) return first_connection(peer);
    peer.expect(kConnect);
    peer.say(kConnackNewSession);
    if (!eventually([&] { return may_answer.load(); })) return;
    peer.answer(peer.expect(kSubscribe), kSuback, 1);
    peer.stay();
  });
  subscribe(broker);
  ASSERT_TRUE(eventually([&] { return broker.connections() > 1 && client_->connected(); }));
  EXPECT_FALSE(client_->subscribed());
  may_answer = true;
  EXPECT_TRUE(eventually_subscribed());
}

}  // namespace
}  // namespace hermes::mqtt
