// What the ingester subscribes to and what it ends, told by a played broker that notes the requests, and by the file that
// outlives a kill.
#include "adapters/ingest/broker_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <mutex>

#include "adapters/ingest/kept_sessions.h"
#include "tests/servers/temporary_folder.h"
#include "tests/support/eventually.h"
#include "tests/support/network/played_broker.h"

namespace hermes::ingest {
namespace {

using namespace test_support;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kNoSubscriptionExisted = 0x11;
constexpr int kNotAuthorized = 0x87;
constexpr std::string_view kSessionTakenOver{"\xe0\x02\x8e\x00", 4};  // DISCONNECT (MQTT 5, 3.14.2.1)
constexpr KeptSession::Time kNow{1'000'000s};

// A broker that grants everything until it is told to refuse, or to go in the middle of an UNSUBSCRIBE.
class NotingBroker {
 public:
  std::vector<std::string> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::uint16_t port() const { return broker_.port(); }
  std::atomic<bool> goes_at_unsubscribe = false;
  std::atomic<bool> refuses = false;
  std::atomic<bool> gives_session_away = false;  // once it is subscribed

 private:
  void note(const std::string& request) {
    std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  void talk(PlayedBroker::Peer& peer) {
    peer.expect(kConnect);
    peer.say(kConnackNewSession);
    for (;;) {
      const PlayedBroker::Peer::Packet packet = peer.next();
      if (packet.type == kSubscribe) {
        note("subscribe " + packet.filter());
        peer.answer(packet, kSuback, refuses ? kNotAuthorized : 1);
        if (gives_session_away) {
          peer.say(kSessionTakenOver);
          return;
        }
      } else if (packet.type == kUnsubscribe) {
        if (goes_at_unsubscribe) return;
        note("unsubscribe " + packet.filter());
        peer.answer(packet, kUnsuback, kNoSubscriptionExisted);
      }
    }
  }

  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  PlayedBroker broker_{[this](PlayedBroker::Peer& peer, int) { talk(peer); }};
};

class BrokerSessionTest : public testing::Test {
 protected:
  // One life of an ingester.
  class Life {
   public:
    explicit Life(Settings settings) : settings_(std::move(settings)), session_(client_, settings_), client_(settings_.mqtt) {
      session_.start();
    }
    ~Life() { session_.stop(); }
    const BrokerSession& session() const { return session_; }

   private:
    Settings settings_;
    BrokerSession session_;
    mqtt::Client client_;
  };

  Settings settings(const std::string& share_group, const std::string& topic = "chat/messages") const {
    Settings settings;
    settings.mqtt.port = broker.port();
    settings.mqtt.client_id = "me";
    settings.mqtt.reconnect_min = 10ms;
    settings.mqtt.reconnect_max = 50ms;
    settings.topic_root = topic;
    settings.share_group = share_group;
    settings.spool.folder = folder.path();
    return settings;
  }
  std::vector<std::string> filters_noted() const {
    const auto sessions = read_kept_sessions(folder.path());
    return sessions.empty() ? std::vector<std::string>() : sessions.back().filters;
  }
  static bool eventually_granted(const Life& life) {
    return eventually([&] { return life.session().problem().empty(); });
  }
  bool eventually_noted(const std::string& filter) const {
    return eventually([&] { return filters_noted() == std::vector{filter}; });
  }

  private_servers::TemporaryFolder folder;
  NotingBroker broker;
};

TEST_F(BrokerSessionTest, EndsTheSubscriptionOfItsFormerSettingsAfterTheNewOneIsGranted) {
  {
    Life alone(settings(""));
    ASSERT_TRUE(eventually_granted(alone));
  }
  Life shared(settings("g"));
  EXPECT_TRUE(eventually_noted("$share/g/chat/messages/#"));
  EXPECT_THAT(broker.requests(),
              ElementsAre("subscribe chat/messages/#", "subscribe $share/g/chat/messages/#", "unsubscribe chat/messages/#"));
}

TEST_F(BrokerSessionTest, EndsTheSubscriptionOfAnotherTopicAndOfAnotherGroup) {
  {
    Life first(settings("g"));
    ASSERT_TRUE(eventually_noted("$share/g/chat/messages/#"));
  }
  {
    Life second(settings("h"));
    ASSERT_TRUE(eventually_noted("$share/h/chat/messages/#"));
  }
  Life third(settings("h", "other"));
  EXPECT_TRUE(eventually_noted("$share/h/other/#"));
  EXPECT_THAT(broker.requests(), testing::IsSupersetOf({std::string("unsubscribe $share/g/chat/messages/#"),
                                                        std::string("unsubscribe $share/h/chat/messages/#")}));
}

TEST_F(BrokerSessionTest, KilledBeforeTheFormerOneWasEndedEndsItInItsNextLife) {
  {
    Life first(settings(""));
    ASSERT_TRUE(eventually_granted(first));
  }
  broker.goes_at_unsubscribe = true;
  {
    Life killed(settings("g"));
    ASSERT_TRUE(eventually_granted(killed));
    EXPECT_THAT(filters_noted(), ElementsAre("chat/messages/#", "$share/g/chat/messages/#"));
  }
  broker.goes_at_unsubscribe = false;
  Life next(settings("g"));
  EXPECT_TRUE(eventually_noted("$share/g/chat/messages/#"));
  EXPECT_THAT(broker.requests(), testing::Contains("unsubscribe chat/messages/#"));
}

TEST_F(BrokerSessionTest, OfATimeBeforeThereWereNotesIsTakenToHaveBeenAlone) {
  Life shared(settings("g"));
  EXPECT_TRUE(eventually_noted("$share/g/chat/messages/#"));
  EXPECT_THAT(broker.requests(), testing::Contains("unsubscribe chat/messages/#"));
}

TEST_F(BrokerSessionTest, IsInTroubleWhileTheBrokerRefusesTheSubscriptionAndSaysWhy) {
  broker.refuses = true;
  Life life(settings(""));
  EXPECT_TRUE(eventually([&] { return life.session().problem().find("refuses it to this user") != std::string::npos; }));
  broker.refuses = false;
  EXPECT_TRUE(eventually([&] { return life.session().problem().empty(); }));
}

TEST(KeptSessions, AreReadAsTheyWereWritten) {
  const private_servers::TemporaryFolder folder;
  const std::vector<KeptSession> sessions{{"old:1883", "me", {"a/#"}, kNow}, {"127.0.0.1:1883", "me", {"a/#", "b/#"}, {}}};
  ASSERT_TRUE(write_kept_sessions(folder.path(), sessions));
  EXPECT_EQ(read_kept_sessions(folder.path()), sessions);
}

TEST(KeptSessions, OfAFormerClientIdAreRememberedForAsLongAsTheBrokerKeepsThem) {
  const std::vector<KeptSession> first = with_session_in_use({}, "b:1883", "old", {"a/#"}, kNow, 10s);
  const std::vector<KeptSession> second = with_session_in_use(first, "b:1883", "new", {"a/#"}, kNow + 1s, 10s);
  EXPECT_THAT(second, ElementsAre(KeptSession{"b:1883", "old", {"a/#"}, kNow + 1s}, KeptSession{"b:1883", "new", {"a/#"}, {}}));
  EXPECT_THAT(with_session_in_use(second, "b:1883", "new", {"a/#"}, kNow + 12s, 10s),
              ElementsAre(KeptSession{"b:1883", "new", {"a/#"}, {}}));
}

TEST(KeptSessions, OfAForeignOrTornFileAreUnknown) {
  const private_servers::TemporaryFolder folder;
  std::ofstream(folder.path() / "broker-sessions") << "something else\n";
  EXPECT_TRUE(read_kept_sessions(folder.path()).empty());
}

// Two ingesters of one client id: each takes the session that the other has just made.
TEST_F(BrokerSessionTest, SaysThatAnotherClientUsesItsId) {
  broker.gives_session_away = true;
  Life life(settings(""));
  EXPECT_TRUE(eventually([&] { return life.session().problem().find("another client connects as 'me'") == 0; }))
      << life.session().problem();
}

}  // namespace
}  // namespace hermes::ingest
