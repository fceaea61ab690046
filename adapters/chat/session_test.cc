// The session against a real broker. The server's side is played here: what it publishes is the wire format, by a client of its
// own; the real ingester takes part in tests/e2e.
#include "adapters/chat/session.h"

#include <gmock/gmock.h>

#include "adapters/chat/store/user_folder.h"
#include "adapters/wire/wire.h"
#include "tests/servers/private_mosquitto.h"
#include "tests/servers/temporary_folder.h"
#include "tests/support/eventually.h"
#include "tests/support/network/played_server.h"
#include "tests/support/network/tcp_proxy.h"

namespace hermes::chat {
namespace {

using namespace std::chrono_literals;
using private_servers::PrivateMosquitto;
using private_servers::TemporaryFolder;
using test_support::eventually;
using test_support::now;
using test_support::PlayedServer;
using test_support::user;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() { server_.start(); }

  Result<std::unique_ptr<Session>, Error> try_to_open(const std::string& name, Session::Role role = Session::Role::attend,
                                                      std::optional<std::chrono::milliseconds> read_after = 0ms,
                                                      std::optional<std::uint16_t> port = std::nullopt) {
    return Session::open({.broker_host = "127.0.0.1",
                          .broker_port = port.value_or(broker_.port()),
                          .topic_root = "chat/messages",
                          .user = user(name),
                          .name = "",
                          .outbox_root = folder_.path(),
                          .role = role,
                          .read_after = read_after});
  }
  std::unique_ptr<Session> open(const std::string& name, Session::Role role = Session::Role::attend,
                                std::optional<std::uint16_t> port = std::nullopt) {
    auto session = try_to_open(name, role, 0ms, port);
    EXPECT_TRUE(session.ok()) << session.error().message;
    return std::move(*session);
  }
  std::unique_ptr<Session> open_connected(const std::string& name, Session::Role role = Session::Role::attend,
                                          std::optional<std::uint16_t> port = std::nullopt) {
    auto session = open(name, role, port);
    EXPECT_TRUE(eventually([&] { return session->connected(); })) << session->last_problem();
    return session;
  }
  // Collects what has come and shows it, as a screen would.
  void attend(Session& session) {
    std::vector<domain::MessageId> ids;
    for (Notice& notice : session.take_notices()) {
      if (const auto* arrived = std::get_if<MessageArrived>(&notice)) {
        shown_.push_back(arrived->incoming.message.content);
        ids.push_back(arrived->incoming.message.message_id);
      }
      if (const auto* receipt = std::get_if<ReceiptArrived>(&notice)) receipts_.emplace_back(to_string(receipt->status));
    }
    session.shown(ids);
  }

  PrivateMosquitto broker_;
  TemporaryFolder folder_;
  PlayedServer server_{broker_.port()};
  std::vector<std::string> shown_;
  std::vector<std::string> receipts_;
};

TEST_F(SessionTest, PublishesUntilTheServerAcknowledges) {
  auto fredy = open_connected("fredy");
  const auto sent = fredy->send(user("david"), "Hello");
  ASSERT_TRUE(sent.ok());
  EXPECT_TRUE(eventually([&] { return server_.contents() == std::vector<std::string>{"Hello"}; }));
  EXPECT_THAT(fredy->unsent(), ElementsAre(*sent));
  server_.acknowledge_everything_seen();
  EXPECT_TRUE(fredy->settle(60s));
  EXPECT_THAT(fredy->unsent(), IsEmpty());
  EXPECT_TRUE(eventually([&] { return attend(*fredy), receipts_ == std::vector<std::string>{"received_by_server"}; }));
}

TEST_F(SessionTest, KeepsTheOrderPerRecipientWithOneMessageUnderWay) {
  auto fredy = open_connected("fredy");
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    expected.push_back("message " + std::to_string(i));
    ASSERT_TRUE(fredy->send(user("david"), expected.back()).ok());
  }
  EXPECT_TRUE(eventually([&] { return server_.contents().size() == 1; }));
  EXPECT_TRUE(eventually([&] {
    server_.acknowledge_everything_seen();
    return fredy->unsent().empty();
  }));
  EXPECT_EQ(server_.contents(), expected);
}

TEST_F(SessionTest, SendsWhatAnEarlierRunCouldNotWithTheSameId) {
  broker_.stop();
  std::vector<std::string> ids;
  {
    auto fredy = open("fredy");
    for (const char* text : {"one", "two"}) ids.push_back(fredy->send(user("david"), text)->message.message_id.str());
  }
  broker_.start();
  auto fredy = open("fredy");
  EXPECT_TRUE(eventually([&] {
    server_.acknowledge_everything_seen();
    return fredy->unsent().empty();
  }));
  EXPECT_THAT(server_.contents(), ElementsAre("one", "two"));
  EXPECT_EQ(server_.distinct()[0].message_id.str(), ids[0]);
  EXPECT_EQ(server_.distinct()[1].message_id.str(), ids[1]);
}

TEST_F(SessionTest, SendsOnAfterABrokerThatWasKilledWithoutMemory) {
  auto fredy = open_connected("fredy");
  broker_.kill();
  EXPECT_TRUE(eventually([&] { return !fredy->connected(); }));
  ASSERT_TRUE(fredy->send(user("david"), "over the restart").ok());
  broker_.start();
  EXPECT_TRUE(eventually([&] {
    server_.acknowledge_everything_seen();
    return fredy->unsent().empty();
  }));
  EXPECT_THAT(server_.contents(), ElementsAre("over the restart"));
}

TEST_F(SessionTest, ReportsDeliveredOnceShownAndThenRead) {
  auto david = open_connected("david");
  server_.send("m-1", "fredy", "david", "Hello");
  EXPECT_TRUE(eventually([&] { return attend(*david), !shown_.empty(); }));
  EXPECT_TRUE(eventually([&] { return server_.receipts().size() == 2; }));
  EXPECT_THAT(server_.receipts(), ElementsAre("m-1 delivered david", "m-1 read david"));
}

TEST_F(SessionTest, ShowsADuplicateOnceAlsoAfterARestart) {
  {
    auto david = open_connected("david");
    server_.send("m-1", "fredy", "david", "Hello");
    server_.send("m-1", "fredy", "david", "Hello");
    server_.send("m-2", "fredy", "david", "World");
    EXPECT_TRUE(eventually([&] { return attend(*david), shown_.size() >= 2; }));
    EXPECT_TRUE(david->settle(60s));
  }
  server_.send("m-1", "fredy", "david", "Hello");
  server_.send("m-3", "fredy", "david", "!");
  auto david = open_connected("david");
  EXPECT_TRUE(eventually([&] { return attend(*david), shown_.size() >= 3; }));
  EXPECT_THAT(shown_, ElementsAre("Hello", "World", "!"));
}

TEST_F(SessionTest, GetsWhatCameWhileItWasAway) {
  open_connected("david").reset();
  server_.send("m-1", "fredy", "david", "while away");
  server_.send("m-2", "fredy", "all", "to everyone");
  auto david = open("david");
  EXPECT_TRUE(eventually([&] { return attend(*david), shown_.size() == 2; }));
  EXPECT_THAT(shown_, ::testing::UnorderedElementsAre("while away", "to everyone"));
}

TEST_F(SessionTest, GivesAgainWhatWasTakenAndNeverShown) {
  {
    auto david = open_connected("david");
    server_.send("m-1", "fredy", "david", "taken");
    // Readable once the message is stored and acknowledged to the broker; nobody takes it.
    EXPECT_TRUE(eventually([&] {
      for (const Notice& notice : david->take_notices())
        if (std::holds_alternative<MessageArrived>(notice)) return true;
      return false;
    }));
  }
  auto david = open("david");
  EXPECT_TRUE(eventually([&] { return attend(*david), !shown_.empty(); }));
  EXPECT_THAT(shown_, ElementsAre("taken"));
  EXPECT_TRUE(eventually([&] { return server_.receipts().size() == 2; }));
}

TEST_F(SessionTest, IgnoresTheEchoOfItsOwnBroadcastAndForeignNoise) {
  auto fredy = open_connected("fredy");
  server_.send("b-1", "fredy", "all", "my own, by another client of mine");
  server_.publish("fredy", "{not json");
  server_.publish("fredy", std::string(1000, '\xff'));
  server_.send("b-2", "eva", "all", "for everyone");
  EXPECT_TRUE(eventually([&] { return attend(*fredy), !shown_.empty(); }));
  EXPECT_THAT(shown_, ElementsAre("for everyone"));
}

TEST_F(SessionTest, TakesWhatWasFoundElsewhereOnceAndReportsIt) {
  auto david = open_connected("david");
  const auto found = [](const std::string& id, const std::string& to) {
    return Incoming{{*domain::MessageId::parse(id), user("fredy"), "Fredy", user(to), "text of " + id, "text"}, now()};
  };
  server_.send("both-ways", "fredy", "david", "text of both-ways");
  ASSERT_TRUE(eventually([&] { return attend(*david), !shown_.empty(); }));
  david->found({found("both-ways", "david"), found("missed", "david"), found("missed", "david"), found("of-eva", "eva")});
  EXPECT_TRUE(eventually([&] { return attend(*david), server_.receipts().size() == 4; }));
  EXPECT_THAT(shown_, ElementsAre("text of both-ways", "text of missed"));
  EXPECT_THAT(server_.receipts(), ::testing::IsSupersetOf({"missed delivered david", "missed read david"}));
}

TEST_F(SessionTest, RefusesASecondClientOfTheSameUserAndSaysWho) {
  auto first = open("fredy");
  const auto second = try_to_open("fredy");
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message, AllOf(::testing::HasSubstr("another chat client"), ::testing::HasSubstr("process")));
  EXPECT_TRUE(try_to_open("david").ok());
}

TEST_F(SessionTest, LeavesTheSessionToAnotherClientOfTheUser) {
  test_support::TcpProxy proxy(broker_.port());
  auto first = open_connected("fredy", Session::Role::attend, proxy.port());
  proxy.cut_after_last_words(test_support::kSessionTakenOver);
  EXPECT_TRUE(eventually([&] {
    const auto notices = first->take_notices();
    return std::ranges::any_of(notices, [](const Notice& notice) { return std::holds_alternative<SessionTaken>(notice); });
  }));
  EXPECT_FALSE(first->connected());
}

TEST_F(SessionTest, CountsConnectionsThatDoNotLast) {
  test_support::TcpProxy proxy(broker_.port());
  auto fredy = open_connected("fredy", Session::Role::attend, proxy.port());
  unsigned short_lived = 0;
  for (unsigned lost = 1; lost <= 3; ++lost) {
    EXPECT_TRUE(eventually([&] { return fredy->connected(); }));
    proxy.cut_after_client_bytes(0);
    EXPECT_TRUE(eventually([&] {
      for (const Notice& notice : fredy->take_notices()) {
        const auto* changed = std::get_if<ConnectionChanged>(&notice);
        if (changed && !changed->connected) short_lived = changed->short_lived;
      }
      return short_lived == lost;
    })) << short_lived;
  }
}

TEST_F(SessionTest, SendsBesideAnAttendingClientWithoutTakingItsMessages) {
  auto chat = open_connected("fredy");
  auto script = open_connected("fredy", Session::Role::send_only);
  auto another = open_connected("fredy", Session::Role::send_only);
  ASSERT_TRUE(script->send(user("david"), "from a script").ok());
  ASSERT_TRUE(another->send(user("david"), "from another").ok());
  EXPECT_TRUE(eventually([&] {
    server_.acknowledge_everything_seen();
    return script->unsent().empty() && another->unsent().empty();
  }));
  server_.send("m-1", "david", "fredy", "reply");
  EXPECT_TRUE(eventually([&] { return attend(*chat), !shown_.empty(); }));
  EXPECT_THAT(shown_, ElementsAre("reply"));
  EXPECT_TRUE(chat->connected());
}

TEST_F(SessionTest, TakesOverWhatAScriptLeftUnsent) {
  broker_.stop();
  ASSERT_TRUE(open("fredy", Session::Role::send_only)->send(user("david"), "left behind").ok());
  broker_.start();
  auto chat = open("fredy");
  EXPECT_TRUE(eventually([&] {
    server_.acknowledge_everything_seen();
    return chat->unsent().empty();
  }));
  EXPECT_THAT(server_.contents(), ElementsAre("left behind"));
}

TEST_F(SessionTest, TakesOverWhatAScriptLeftWhileTheChatIsOpenBeforeLaterMessages) {
  auto chat = open_connected("fredy");
  broker_.stop();
  ASSERT_TRUE(eventually([&] { return !chat->connected(); }));
  ASSERT_TRUE(chat->send(user("david"), "first").ok());
  ASSERT_TRUE(open("fredy", Session::Role::send_only)->send(user("david"), "by the script").ok());
  ASSERT_TRUE(chat->send(user("david"), "last").ok());
  broker_.start();
  EXPECT_TRUE(eventually([&] {
    server_.acknowledge_everything_seen();
    return chat->unsent().empty();
  }));
  EXPECT_THAT(server_.contents(), ElementsAre("first", "by the script", "last"));
  std::vector<std::string> told;
  for (const Notice& notice : chat->take_notices()) {
    if (const auto* taken_over = std::get_if<TakenOver>(&notice))
      for (const Outgoing& outgoing : taken_over->messages) told.push_back(outgoing.message.content);
  }
  EXPECT_THAT(told, ElementsAre("by the script"));
}

TEST_F(SessionTest, TellsOfWhatAnotherProcessHasNotSent) {
  broker_.stop();
  auto chat = open("fredy");
  auto script = open("fredy", Session::Role::send_only);
  ASSERT_TRUE(script->send(user("david"), "not yet").ok());
  EXPECT_THAT(chat->unsent(), IsEmpty());
  EXPECT_EQ(chat->unsent_elsewhere()->size(), 1u);
}

TEST_F(SessionTest, SetsAsideWhatItGivesUpAndSendsTheNext) {
  auto fredy = open_connected("fredy");
  const auto refused = fredy->send(user("david"), "refused");
  ASSERT_TRUE(fredy->send(user("david"), "next").ok());
  ASSERT_TRUE(eventually([&] { return server_.contents() == std::vector<std::string>{"refused"}; }));
  fredy->give_up(refused->message.message_id, "the id is taken");
  fredy->give_up(refused->message.message_id, "a second time");
  EXPECT_TRUE(eventually([&] { return server_.contents() == std::vector<std::string>{"refused", "next"}; }));
  EXPECT_EQ(fredy->unsent().size(), 1u);
  ASSERT_EQ(fredy->set_aside()->size(), 1u);
  EXPECT_EQ(fredy->set_aside()->at(0).reason, "the id is taken");
  std::vector<std::string> told;
  for (const Notice& notice : fredy->take_notices()) {
    if (const auto* given_up = std::get_if<GivenUp>(&notice)) told.push_back(given_up->reason);
  }
  EXPECT_THAT(told, ElementsAre("the id is taken"));
}

TEST_F(SessionTest, TellsOfAMessageThatIsNotAcknowledged) {
  auto fredy = open_connected("fredy");
  const auto sent = fredy->send(user("david"), "Hello");
  unsigned attempts = 0;
  EXPECT_TRUE(eventually([&] {
    for (const Notice& notice : fredy->take_notices()) {
      if (const auto* late = std::get_if<NotAcknowledged>(&notice)) {
        EXPECT_EQ(late->outgoing, *sent);
        attempts = late->attempts;
      }
    }
    return attempts >= 2;
  }));
}

TEST_F(SessionTest, LosesAndDoublesNothingWhileNobodyLooksAtTheScreen) {
  auto david = open_connected("david");
  // Past the limit of notices the session stops reading, and the broker keeps the rest.
  constexpr int kMessages = 6'000;
  for (int i = 0; i < kMessages; ++i) {
    const auto payload = wire::encode(domain::SendMessage{*domain::MessageId::parse("m-" + std::to_string(i)), user("fredy"),
                                                          "Fredy", user("david"), std::to_string(i), "text"},
                                      now());
    server_.publish("david", payload);
  }
  EXPECT_TRUE(eventually([&] { return attend(*david), shown_.size() >= kMessages; }));
  std::vector<std::string> expected;
  for (int i = 0; i < kMessages; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(shown_, expected);
}

TEST_F(SessionTest, ShowsTyping) {
  auto fredy = open_connected("fredy");
  auto david = open_connected("david");
  fredy->set_typing(user("david"), true);
  std::vector<std::string> typing;
  EXPECT_TRUE(eventually([&] {
    for (Notice& notice : david->take_notices()) {
      if (const auto* changed = std::get_if<TypingChanged>(&notice))
        typing.push_back(changed->user.str() + (changed->is_typing ? " types" : " stopped"));
    }
    return !typing.empty();
  }));
  EXPECT_THAT(typing, ElementsAre("fredy types"));
}

}  // namespace
}  // namespace hermes::chat
