// What is typed and what is shown: on a scripted console, with a query service of canned answers and without a broker. Real
// terminals and services take part in tests/e2e.
#include "adapters/chat/conversation.h"

#include <gmock/gmock.h>

#include <functional>
#include <thread>

#include "adapters/terminal/wait.h"
#include "tests/servers/private_mosquitto.h"
#include "tests/servers/temporary_folder.h"
#include "tests/support/eventually.h"
#include "tests/support/network/canned_service.h"
#include "tests/support/network/tcp_proxy.h"

namespace hermes::chat {
namespace {

using namespace std::chrono_literals;
using private_servers::PrivateMosquitto;
using private_servers::TemporaryFolder;
using terminal::Entry;
using terminal::Input;
using test_support::eventually;
using test_support::TcpProxy;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

domain::UserId user(const std::string& text) { return *domain::UserId::parse(text); }

// Gives the lines one after the other, each when what it waits for has been shown, and the one before it has been answered.
class ScriptedConsole : public terminal::Console {
 public:
  struct Line {
    std::string text;
    std::string after{};  // a piece of an entry that must have been shown
  };
  explicit ScriptedConsole(std::vector<Line> script) : script_(std::move(script)) {}

  Input read_line(const terminal::Events& events) override {
    const auto give_up = std::chrono::steady_clock::now() + 60s;
    for (;;) {
      complete = events.complete;
      const bool may_go_on = events.may_read() && (next_ == script_.size() || has_shown(script_[next_].after));
      if (may_go_on && next_ == script_.size()) return {Input::Kind::end};
      if (may_go_on) return {Input::Kind::line, script_[next_++].text};
      const auto deadline = events.next_deadline();
      const terminal::Ready ready =
          terminal::wait_for_any(-1, -1, events.wake_descriptors, deadline ? std::min(*deadline, give_up) : give_up);
      if (ready.woken) events.on_wake();
      if (events.over()) return {Input::Kind::terminated};
      if (deadline && *deadline <= std::chrono::steady_clock::now()) events.on_deadline();
      if (std::chrono::steady_clock::now() > give_up) {
        ADD_FAILURE() << "line " << next_ << " still waits for what it wants to see";
        return {Input::Kind::end};
      }
    }
  }
  void show(const std::vector<Entry>& entries) override {
    for (const Entry& entry : entries) {
      shown.push_back(entry.text);
      ids.push_back(entry.id);
    }
  }
  void set_mark(std::string_view, terminal::Mark, std::string_view) override {}
  void set_status(std::string_view) override {}
  void set_prompt(std::string_view) override {}
  bool interactive() const override { return true; }

  bool has_shown(const std::string& piece) const {
    return piece.empty() ||
           std::ranges::any_of(shown, [&](const std::string& text) { return text.find(piece) != std::string::npos; });
  }

  std::vector<std::string> shown;
  std::vector<std::string> ids;
  std::function<terminal::Completion(std::string_view)> complete;

 private:
  std::vector<Line> script_;
  std::size_t next_ = 0;
};

class ConversationTest : public ::testing::Test {
 protected:
  ConversationTest() { service_.answer("/v1/users", R"({"users": [{"user_id": "david", "name": "David"}], "next": null})"); }

  // Runs the script as fredy; returns how many lines failed.
  std::size_t run(ScriptedConsole& console) {
    auto session = Session::open({.broker_host = "127.0.0.1",
                                  .broker_port = broker_port_,
                                  .topic_root = "chat/messages",
                                  .user = user("fredy"),
                                  .name = "Fredy",
                                  .outbox_root = folder_.path()});
    EXPECT_TRUE(session.ok());
    (*session)->found(arrived_);
    QueryClient queries({"127.0.0.1", service_.port()});
    Conversation conversation(**session, queries, console,
                              {.user = user("fredy"), .name = "Fredy", .broker = "127.0.0.1:1", .unknown_after = 0ms});
    std::jthread meanwhile([&, &session = **session] {
      if (meanwhile_) meanwhile_(session);
    });
    outcome_ = conversation.run();
    meanwhile.join();
    if (console.complete)
      completed_ids_ = console.complete("status ").candidates, completed_users_ = console.complete("to ").candidates;
    return outcome_.failures;
  }

  test_support::CannedService service_;
  std::uint16_t broker_port_ = 1;                  // nobody is there
  std::function<void(const Session&)> meanwhile_;  // on a thread of its own
  Conversation::Outcome outcome_;
  TemporaryFolder folder_;
  std::vector<Incoming> arrived_;
  std::vector<std::string> completed_ids_;
  std::vector<std::string> completed_users_;
};

Incoming message_from_david(const std::string& id, const std::string& text) {
  return {{*domain::MessageId::parse(id), user("david"), "David", user("fredy"), text, "text"}, Timestamp{}};
}

TEST_F(ConversationTest, AReceivedMessageIsNamedByTheBeginningOfItsId) {
  arrived_ = {message_from_david("9f2fb6a0-0001", "Hello")};
  service_.answer("/v1/messages/9f2fb6a0-0001/status",
                  R"({"statuses": [{"status": "read", "user_id": "fredy", "timestamp": "2026-01-31T12:00:00Z"}]})");
  service_.answer("/v1/messages/9f2fb6a0-0001/timeline", R"({"steps": [{"kind": "event", "what": "sent", "at": "x"}]})");
  ScriptedConsole console({{"status 9f2f", "Hello"}, {"timeline 9f"}});
  EXPECT_EQ(run(console), 0u);
  EXPECT_THAT(console.shown, Contains(HasSubstr("read")));
  EXPECT_THAT(console.shown, Contains(HasSubstr("sent")));
  EXPECT_THAT(completed_ids_, ElementsAre("9f2fb6a0-0001"));
}

TEST_F(ConversationTest, HistoryShowsTheBeginningsOfIdsThatTellThemApart) {
  service_.answer("/v1/messages", R"({"messages": [
      {"message_id": "9f2fb6a0", "sender_id": "david", "receiver_id": "fredy", "content": "second"},
      {"message_id": "order-12", "sender_id": "david", "receiver_id": "fredy", "content": "first"},
      {"message_id": "order-11", "sender_id": "fredy", "receiver_id": "david", "content": "zeroth"}], "next": null})");
  service_.answer("/v1/messages/order-11/status", R"({"statuses": []})");
  ScriptedConsole console({{"history"}, {"status order-11"}, {"status order-1"}});
  EXPECT_EQ(run(console), 1u);
  EXPECT_THAT(console.ids, Contains("9f2fb6  "));
  EXPECT_THAT(console.ids, Contains("order-12"));
  EXPECT_THAT(console.shown, Contains("2 messages begin with 'order-1': order-11, order-12"));
}

TEST_F(ConversationTest, SaysOnceThatNobodyHasHeardOfARecipient) {
  ScriptedConsole console({{"users"},  // answered behind the list that the client asks for at the start
                           {"to david"},
                           {"send the files please"},
                           {"send the files please", "nobody called 'the' is known yet"},
                           {"send teh last one"},
                           {"hello", "nobody called 'teh' is known yet"}});
  EXPECT_EQ(run(console), 0u);
  EXPECT_THAT(console.shown, Contains(HasSubstr("nobody called 'the' is known yet; it will wait for them")).Times(1));
  EXPECT_THAT(console.shown, Not(Contains(HasSubstr("nobody called 'david'"))));
  EXPECT_THAT(completed_users_, ElementsAre("david"));
}

// Of the brokers that say so (MQTT 5, 3.14): Mosquitto 2.0.11 does not, and the packet is put into its mouth.
TEST_F(ConversationTest, EndsWhenAnotherClientOfTheUserHasTheSession) {
  const PrivateMosquitto broker;
  TcpProxy proxy(broker.port());
  broker_port_ = proxy.port();
  meanwhile_ = [&](const Session& session) {
    EXPECT_TRUE(eventually([&] { return session.connected(); }));
    proxy.cut_after_last_words(test_support::kSessionTakenOver);
  };
  const ScriptedConsole::Line never{"send david Never", "what nobody says"};
  ScriptedConsole console(std::vector{never});
  run(console);
  EXPECT_TRUE(outcome_.session_taken);
  EXPECT_THAT(console.shown, Not(Contains("Never")));
}

TEST(OthersTyping, ALongNameLeavesRoomForWhatItsOwnerDoes) {
  OthersTyping typing;
  typing.changed("a", std::string(100, 'a'), true, {});
  EXPECT_EQ(typing.text(), std::string(23, 'a') + "… is typing…");
  typing.changed("b", "Bob", true, {});
  EXPECT_EQ(typing.text(), std::string(11, 'a') + "… and Bob are typing…");
}

TEST_F(ConversationTest, CountsTheLinesThatFailed) {
  ScriptedConsole console({{"hist"}, {"send a/b hi"}, {"timeline nothing"}, {"inbox"}, {"help nothing"}, {"help"}, {"status"}});
  EXPECT_EQ(run(console), 5u);
}

}  // namespace
}  // namespace hermes::chat
