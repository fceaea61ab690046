#include "adapters/chat/store/lanes.h"

#include <gmock/gmock.h>

#include "tests/servers/temporary_folder.h"

namespace hermes::chat {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LanesTest : public ::testing::Test {
 protected:
  // Sent one second after the one before.
  Outgoing message(const std::string& id) {
    const auto user = [](const char* text) { return *domain::UserId::parse(text); };
    time_ += std::chrono::seconds(1);
    return {{*domain::MessageId::parse(id), user("fredy"), "Fredy", user("david"), "Hello", "text"}, time_};
  }
  Lanes attend() { return std::move(*Lanes::attend(folder_.path())); }
  Lanes send_only() { return std::move(*Lanes::send_only(folder_.path())); }
  void add(Lanes& lanes, const std::string& id) { ASSERT_TRUE(lanes.own().add(message(id)).ok()); }
  static std::vector<std::string> ids(const std::vector<Outgoing>& messages) {
    std::vector<std::string> out;
    for (const Outgoing& outgoing : messages) out.push_back(outgoing.message.message_id.str());
    return out;
  }

  private_servers::TemporaryFolder folder_;
  Timestamp time_{};
};

TEST_F(LanesTest, TakeOverWhatAnEndedProcessLeftInTheOrderOfSending) {
  Lanes chat = attend();
  add(chat, "chat-1");
  {
    Lanes script = send_only();
    add(script, "script-2");
    EXPECT_THAT(*chat.adopt(), IsEmpty());  // it lives
    EXPECT_THAT(ids(*chat.in_other_lanes()), ElementsAre("script-2"));
  }
  add(chat, "chat-3");
  EXPECT_THAT(ids(*chat.adopt()), ElementsAre("script-2"));
  EXPECT_THAT(ids(chat.own().all()), ElementsAre("chat-1", "script-2", "chat-3"));
  EXPECT_THAT(*chat.in_other_lanes(), IsEmpty());
}

TEST_F(LanesTest, TakeOverWhatAnEndedChatLeft) {
  {
    Lanes chat = attend();
    add(chat, "chat-1");
  }
  Lanes script = send_only();
  add(script, "script-2");
  EXPECT_THAT(ids(script.own().all()), ElementsAre("chat-1", "script-2"));
  Lanes chat = attend();  // its lane is free
  EXPECT_THAT(chat.own().all(), IsEmpty());
}

TEST_F(LanesTest, TellWhoHoldsTheChatAndLeadNobodyToASecondOne) {
  const Lanes chat = attend();
  const auto second = Lanes::attend(folder_.path());
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message,
              AllOf(HasSubstr("process"), HasSubstr("one client at a time"), Not(HasSubstr("HERMES_OUTBOX_DIR"))));
}

TEST_F(LanesTest, DropOneMessageThatNoProcessHolds) {
  const auto id = *domain::MessageId::parse("m-1");
  {
    Lanes script = send_only();
    add(script, "m-1");
    add(script, "m-2");
    EXPECT_FALSE(Lanes::drop(script.store(), id).ok());
  }
  const auto store = *Lanes::look_at(folder_.path());
  EXPECT_TRUE(*Lanes::drop(*store, id));
  EXPECT_FALSE(*Lanes::drop(*store, id));
  EXPECT_THAT(ids(*Lanes::all_waiting(*store)), ElementsAre("m-2"));
}

}  // namespace
}  // namespace hermes::chat
