// The client with a real broker: above all, a message that was not taken is not acknowledged, and a lost connection comes back
// by itself.
#include "adapters/mqtt/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "tests/servers/free_port.h"
#include "tests/servers/private_mosquitto.h"
#include "tests/support/eventually.h"
#include "tests/support/network/tcp_proxy.h"

namespace hermes::mqtt {
namespace {

using private_servers::PrivateMosquitto;
using test_support::eventually;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

PrivateMosquitto& broker() {
  static PrivateMosquitto instance;
  return instance;
}

Settings settings_for(const std::string& client_id) {
  Settings settings;
  settings.port = broker().port();
  settings.client_id = client_id;
  settings.reconnect_max = 500ms;
  return settings;
}

// A client that writes down what it is given, and refuses the messages it is told to refuse, once each.
class Recorder {
 public:
  explicit Recorder(Settings settings) : client(std::move(settings)) {
    client.on_message([this](const Message& message) {
      std::lock_guard lock(mutex_);
      if (message.payload == refused_once_) {
        refused_once_.clear();
        ++refusals;
        return false;
      }
      payloads_.emplace_back(message.payload);
      return true;
    });
    client.on_connected([this](bool session_present) {
      if (session_present) ++resumed;
      ++connections;
    });
    client.on_disconnected([this](const Disconnection& disconnection) {
      if (disconnection.cause == Disconnection::Cause::session_left_to_another) ++sessions_left;
      std::lock_guard lock(mutex_);
      reasons_.push_back(disconnection.reason);
      ++disconnections;
    });
  }

  void refuse_once(const std::string& payload) {
    std::lock_guard lock(mutex_);
    refused_once_ = payload;
  }
  std::vector<std::string> payloads() const {
    std::lock_guard lock(mutex_);
    return payloads_;
  }

  std::vector<std::string> reasons() const {
    std::lock_guard lock(mutex_);
    return reasons_;
  }

  std::atomic<int> refusals = 0;
  std::atomic<int> connections = 0;
  std::atomic<int> resumed = 0;
  std::atomic<int> disconnections = 0;
  std::atomic<int> sessions_left = 0;

 private:
  mutable std::mutex mutex_;
  std::string refused_once_;
  std::vector<std::string> payloads_;
  std::vector<std::string> reasons_;

 public:
  Client client;  // last: it stops before what its callbacks use is gone
};

// A broker's DISCONNECT (MQTT 5, 3.14).
constexpr std::string_view kServerShuttingDown{"\xe0\x02\x8b\x00", 4};

// Publishes over whatever happens to the connection.
void publish(Client& client, const std::string& topic, const std::string& payload) {
  ASSERT_TRUE(eventually([&] { return client.publish_and_wait(topic, payload, 1, 10s).ok(); }));
}

TEST(Client, DeliversWhatIsPublished) {
  Recorder subscriber(settings_for("delivers"));
  ASSERT_TRUE(subscriber.client.connect());
  ASSERT_TRUE(subscriber.client.subscribe("delivers/#", 1, false));
  Client publisher(settings_for("delivers-publisher"));
  ASSERT_TRUE(publisher.connect());

  publish(publisher, "delivers/a", "one");
  publish(publisher, "delivers", "two");

  EXPECT_TRUE(eventually([&] { return subscriber.payloads().size() == 2; }));
  EXPECT_THAT(subscriber.payloads(), ElementsAre("one", "two"));
}

TEST(Client, GetsAMessageAgainThatItDidNotTakeAndKeepsTheOrder) {
  Recorder subscriber(settings_for("refuses"));
  ASSERT_TRUE(subscriber.client.connect());
  ASSERT_TRUE(subscriber.client.subscribe("refuses/#", 1, false));
  subscriber.refuse_once("two");

  // By another process: the refusal cuts every connection of this one.
  std::string lines = "one\ntwo\nthree\n";
  private_servers::run(
      {"mosquitto_pub", "-h", "127.0.0.1", "-p", std::to_string(broker().port()), "-q", "1", "-t", "refuses/a", "-l"}, {},
      lines);

  EXPECT_TRUE(eventually([&] { return subscriber.payloads().size() == 3; }));
  EXPECT_EQ(subscriber.refusals, 1);
  EXPECT_EQ(subscriber.resumed, 1);
  EXPECT_THAT(subscriber.payloads(), ElementsAre("one", "two", "three"));
}

TEST(Client, ResumesItsSessionInAnotherLife) {
  {
    Recorder first_life(settings_for("lives"));
    ASSERT_TRUE(first_life.client.connect());
    ASSERT_TRUE(first_life.client.subscribe("lives/#", 1, false));
  }
  Client publisher(settings_for("lives-publisher"));
  ASSERT_TRUE(publisher.connect());
  publish(publisher, "lives/a", "while you were out");

  Recorder second_life(settings_for("lives"));
  ASSERT_TRUE(second_life.client.connect());
  EXPECT_TRUE(eventually([&] { return second_life.payloads() == std::vector<std::string>{"while you were out"}; }));
}

TEST(Client, LeavesWhatComesDuringAPauseToTheBroker) {
  Recorder subscriber(settings_for("pauses"));
  ASSERT_TRUE(subscriber.client.connect());
  ASSERT_TRUE(subscriber.client.subscribe("pauses/#", 1, false));
  subscriber.client.pause();
  ASSERT_TRUE(eventually([&] { return !subscriber.client.connected(); }));

  Client publisher(settings_for("pauses-publisher"));
  ASSERT_TRUE(publisher.connect());
  publish(publisher, "pauses/a", "later");
  EXPECT_TRUE(subscriber.payloads().empty());
  subscriber.client.resume();

  EXPECT_TRUE(eventually([&] { return subscriber.payloads() == std::vector<std::string>{"later"}; }));
}

TEST(Client, ComesBackAndSubscribesAgainAfterABrokerThatForgotEverything) {
  private_servers::MosquittoOptions forgetful;
  forgetful.persistence = false;
  PrivateMosquitto own_broker(forgetful);
  Settings settings = settings_for("forgotten");
  settings.port = own_broker.port();
  Recorder subscriber(settings);
  ASSERT_TRUE(subscriber.client.connect());
  ASSERT_TRUE(subscriber.client.subscribe("forgotten/#", 1, false));

  own_broker.restart();

  ASSERT_TRUE(eventually([&] { return subscriber.connections == 2; }));
  EXPECT_EQ(subscriber.resumed, 0);
  settings.client_id = "forgotten-publisher";
  Client publisher(settings);
  ASSERT_TRUE(publisher.connect());
  EXPECT_TRUE(eventually([&] {
    publish(publisher, "forgotten/a", "still there?");
    return !subscriber.payloads().empty();
  }));
}

TEST(Client, DoesNotHearItselfWithNoLocal) {
  Recorder subscriber(settings_for("echo"));
  ASSERT_TRUE(subscriber.client.connect());
  ASSERT_TRUE(subscriber.client.subscribe("echo/#", 1, true));
  publish(subscriber.client, "echo/a", "mine");
  Client other(settings_for("echo-other"));
  ASSERT_TRUE(other.connect());
  publish(other, "echo/a", "theirs");
  EXPECT_TRUE(eventually([&] { return !subscriber.payloads().empty(); }));
  EXPECT_THAT(subscriber.payloads(), ElementsAre("theirs"));
}

TEST(Client, RefusesToPublishWhileTheNetworkStandsStillAndGoesOnAfterwards) {
  test_support::TcpProxy proxy(broker().port());
  Settings settings = settings_for("backlog");
  settings.port = proxy.port();
  settings.keep_alive = 1h;  // nothing else has it look
  Client publisher(settings);
  ASSERT_TRUE(publisher.connect());
  Recorder subscriber(settings_for("backlog-subscriber"));
  ASSERT_TRUE(subscriber.client.connect());
  ASSERT_TRUE(subscriber.client.subscribe("backlog/#", 1, false));
  proxy.hold();
  const std::string payload(std::size_t{64} * 1024, 'x');
  std::size_t published = 0;
  // More than the limit: sockets and proxy hold some of it.
  while (publisher.publish("backlog/a", payload, 0)) ASSERT_LT(++published, 10'000u);
  proxy.let_through();
  ASSERT_TRUE(eventually([&] { return publisher.publish("backlog/a", "last", 0).ok(); }));
  EXPECT_TRUE(eventually([&] { return subscriber.payloads().size() == published + 1; }));
  EXPECT_EQ(subscriber.payloads().back(), "last");
}

TEST(Client, SaysWhereItCouldNotConnect) {
  Settings settings = settings_for("nobody");
  settings.port = private_servers::free_port();
  Client client(settings);
  auto connected = client.connect();
  ASSERT_FALSE(connected);
  EXPECT_THAT(connected.error().message, HasSubstr("127.0.0.1:" + std::to_string(settings.port)));
  EXPECT_FALSE(client.publish("t", "p", 0));
}

TEST(Client, NoticesThatAnotherTookItsSession) {
  Recorder first(settings_for("same-id"));
  ASSERT_TRUE(first.client.connect());
  Recorder second(settings_for("same-id"));
  ASSERT_TRUE(second.client.connect());
  EXPECT_TRUE(eventually([&] { return first.disconnections > 0; }));
}

// Mosquitto 2.0.11 closes the connection without a word: what others say is put into its mouth.
class ClientThatIsSentAway : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(recorder.client.connect()); }

  Settings settings() const {
    Settings settings = settings_for("sent-away");
    settings.port = proxy.port();
    settings.leave_session_to_another = true;
    return settings;
  }

  test_support::TcpProxy proxy{broker().port()};
  Recorder recorder{settings()};
};

TEST_F(ClientThatIsSentAway, LeavesItsSessionToAnotherIfThatIsWanted) {
  proxy.cut_after_last_words(test_support::kSessionTakenOver);
  ASSERT_TRUE(eventually([&] { return recorder.sessions_left == 1; }));
  EXPECT_FALSE(recorder.client.connected());
  ASSERT_TRUE(recorder.client.connect());
  EXPECT_TRUE(eventually([&] { return recorder.connections == 2; }));  // the two that were asked for
}

TEST_F(ClientThatIsSentAway, ConnectsAgainWhenTheBrokerEndsTheSessionForAnotherReason) {
  proxy.cut_after_last_words(kServerShuttingDown);
  ASSERT_TRUE(eventually([&] { return recorder.connections == 2; }));
  EXPECT_EQ(recorder.sessions_left, 0);
}

TEST_F(ClientThatIsSentAway, SaysWhatWasWrongWithTheBytesOfABrokerAndConnectsAgain) {
  proxy.cut_after_last_words({"\xf0\x00", 2});  // AUTH, for which nobody asked
  ASSERT_TRUE(eventually([&] { return recorder.connections == 2; }));
  EXPECT_THAT(recorder.reasons(), ElementsAre(HasSubstr("brokers do not send")));
}

// A connection that is cut in the middle of a publish, or of its acknowledgement.
class PublishThatIsCutOff : public ClientThatIsSentAway {
 protected:
  void SetUp() override {
    ClientThatIsSentAway::SetUp();
    ASSERT_TRUE(subscriber.client.connect());
    ASSERT_TRUE(subscriber.client.subscribe("cut-off/#", 1, false));
  }
  bool publish_and_wait() { return recorder.client.publish_and_wait("cut-off/a", "once more", 1, 30s).ok(); }

  Recorder subscriber{settings_for("cut-off")};
};

TEST_F(PublishThatIsCutOff, IsSentAgain) {
  proxy.cut_after_client_bytes(10);
  EXPECT_TRUE(publish_and_wait());
  EXPECT_EQ(recorder.connections, 2);
  EXPECT_TRUE(eventually([&] { return subscriber.payloads() == std::vector<std::string>{"once more"}; }));
}

TEST_F(PublishThatIsCutOff, IsSentAgainWhenTheBrokerHasItAndItsWordIsLost) {
  proxy.cut_after_server_bytes(1);
  EXPECT_TRUE(publish_and_wait());
  EXPECT_EQ(recorder.connections, 2);
  EXPECT_TRUE(eventually([&] { return subscriber.payloads() == std::vector<std::string>{"once more", "once more"}; }));
}

TEST(Client, NoticesABrokerThatIsGoneWithoutAWord) {
  test_support::TcpProxy proxy(broker().port());
  Settings settings = settings_for("silence");
  settings.port = proxy.port();
  settings.keep_alive = 1s;
  Recorder recorder(settings);
  ASSERT_TRUE(recorder.client.connect());
  proxy.hold();
  // A machine that stands still for a second looks like that broker, too.
  ASSERT_TRUE(eventually([&] { return recorder.disconnections >= 1; }));
  EXPECT_THAT(recorder.reasons(), Each("the broker does not answer"));
  proxy.let_through();
  EXPECT_TRUE(eventually([&] { return recorder.connections >= 2; }));
}

TEST(Client, SaysThatTheBrokerRefusesAUserOrPassword) {
  const PrivateMosquitto closed({.settings = {"password_file /dev/null", "allow_anonymous false"}});
  Settings settings = settings_for("stranger");
  settings.port = closed.port();
  settings.username = "fredy";
  settings.password = "wrong";
  const auto connected = Client(settings).connect();
  ASSERT_FALSE(connected.ok());
  EXPECT_THAT(connected.error().message, testing::AllOf(HasSubstr("refuse"), HasSubstr("MQTT_PASSWORD")));
  EXPECT_THAT(connected.error().message, testing::Not(HasSubstr("Is it running")));
}

}  // namespace
}  // namespace hermes::mqtt
