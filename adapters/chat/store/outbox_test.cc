#include "adapters/chat/store/outbox.h"

#include <gmock/gmock.h>

#include "adapters/chat/store/stored_message.h"
#include "tests/servers/temporary_folder.h"

namespace hermes::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

Outgoing message(const std::string& id, const std::string& receiver, const std::string& content = "Hello") {
  return {.message = {.message_id = *domain::MessageId::parse(id),
                      .sender = *domain::UserId::parse("fredy"),
                      .sender_name = "Fredy \"F\"",
                      .receiver = *domain::UserId::parse(receiver),
                      .content = content,
                      .message_type = "text"},
          .time = Timestamp(1'700'000'000'123'456us)};
}

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() { reopen(); }

  void reopen() {
    outbox_.reset();
    store_.reset();
    auto store = Store::open(folder_.path());
    ASSERT_TRUE(store.ok()) << store.error().message;
    store_ = std::move(*store);
    outbox_ = open("chat");
  }
  std::unique_ptr<Outbox> open(const std::string& lane) {
    auto opened = Outbox::open(*store_, lane);
    EXPECT_TRUE(opened.ok());
    return std::move(*opened);
  }
  // As so many calls of add() leave it, in one step.
  void fill(std::size_t count) {
    const auto filled = store_->write(Store::Durability::process, [&](sqlite::Connection& connection) {
      for (std::size_t i = 0; i < count; ++i) {
        const Outgoing outgoing = message("m-" + std::to_string(i), "david");
        connection.run("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, 'chat', ?, 0, 0)",
                       StoredMessage(outgoing.message, outgoing.time, {static_cast<std::int64_t>(i)}).values());
      }
    });
    ASSERT_TRUE(filled.ok());
    reopen();
  }
  void add(const Outgoing& outgoing) { ASSERT_TRUE(outbox_->add(outgoing).ok()); }
  bool acknowledge(const std::string& id) { return outbox_->acknowledged(*domain::MessageId::parse(id)); }
  std::vector<std::string> due() {
    std::vector<Outgoing> messages;
    for (Outbox::Attempt& attempt : outbox_->take_due(now_)) messages.push_back(std::move(attempt.outgoing));
    return ids(messages);
  }
  // Lets time pass until the server would have been asked `attempts` times more for what is due; gives what was sent last.
  std::vector<std::string> due_after(int attempts) {
    std::vector<std::string> last;
    for (int i = 0; i < attempts; ++i) {
      now_ = std::max(now_, *outbox_->next_due());
      last = due();
    }
    return last;
  }
  std::vector<std::string> given_up() {
    std::vector<Outgoing> messages;
    for (Outbox::Attempt& attempt : outbox_->given_up()) messages.push_back(std::move(attempt.outgoing));
    return ids(messages);
  }
  static std::vector<std::string> ids(const std::vector<Outgoing>& messages) {
    std::vector<std::string> out;
    for (const Outgoing& outgoing : messages) out.push_back(outgoing.message.message_id.str());
    return out;
  }

  private_servers::TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Outbox> outbox_;
  Outbox::Clock::time_point now_ = Outbox::Clock::now();
};

TEST_F(OutboxTest, KeepsAMessageOverARestartUnchanged) {
  const Outgoing sent = message("m-1", "david", "line\nwith \x01 control, \"quotes\" and 世界");
  add(sent);
  reopen();
  EXPECT_THAT(outbox_->all(), ElementsAre(sent));
}

TEST_F(OutboxTest, ForgetsAnAcknowledgedMessageOverARestart) {
  add(message("m-1", "david"));
  add(message("m-2", "david"));
  EXPECT_TRUE(acknowledge("m-1"));
  EXPECT_FALSE(acknowledge("m-1"));
  EXPECT_FALSE(acknowledge("unknown"));
  reopen();
  EXPECT_THAT(ids(outbox_->all()), ElementsAre("m-2"));
}

TEST_F(OutboxTest, HasOneMessagePerRecipientUnderWayInOrder) {
  add(message("d-1", "david"));
  add(message("d-2", "david"));
  add(message("e-1", "eva"));
  EXPECT_THAT(due(), ElementsAre("d-1", "e-1"));
  EXPECT_THAT(due(), IsEmpty());
  acknowledge("d-1");
  EXPECT_THAT(due(), ElementsAre("d-2"));
}

TEST_F(OutboxTest, SendsAgainWithTheSameIdUntilAcknowledgedWaitingLongerEachTime) {
  add(message("m-1", "david"));
  EXPECT_THAT(due(), ElementsAre("m-1"));
  now_ += Outbox::kFirstRetry - 1ms;
  EXPECT_THAT(due(), IsEmpty());
  now_ += 1ms;
  EXPECT_THAT(due(), ElementsAre("m-1"));
  now_ += Outbox::kFirstRetry;
  EXPECT_THAT(due(), IsEmpty());
  for (int i = 0; i < 20; ++i) {
    now_ = *outbox_->next_due();
    EXPECT_THAT(due(), ElementsAre("m-1"));
  }
  EXPECT_EQ(*outbox_->next_due() - now_, Outbox::kLongestRetry);
}

TEST_F(OutboxTest, SendsAtOnceAfterAReconnect) {
  add(message("m-1", "david"));
  due();
  outbox_->retry_now();
  EXPECT_THAT(due(), ElementsAre("m-1"));
}

TEST_F(OutboxTest, SendsAgainAtOnceAfterARestartInTheOldOrder) {
  add(message("d-1", "david"));
  add(message("d-2", "david"));
  due();
  reopen();
  EXPECT_THAT(due(), ElementsAre("d-1"));
  acknowledge("d-1");
  EXPECT_THAT(due(), ElementsAre("d-2"));
}

TEST_F(OutboxTest, AnAckOutOfTurnChangesNoOtherTurn) {
  add(message("d-1", "david"));
  add(message("d-2", "david"));
  due();
  acknowledge("d-2");
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_THAT(ids(outbox_->all()), ElementsAre("d-1"));
}

TEST_F(OutboxTest, DoesNotAddTheSameIdTwice) {
  add(message("m-1", "david"));
  add(message("m-1", "david"));
  EXPECT_EQ(outbox_->size(), 1u);
  reopen();
  EXPECT_EQ(outbox_->size(), 1u);
}

TEST_F(OutboxTest, RefusesAnotherMessageWithTheIdOfOneThatWaits) {
  add(message("m-1", "david", "one"));
  const auto added = outbox_->add(message("m-1", "david", "other"));
  ASSERT_FALSE(added.ok());
  EXPECT_THAT(added.error().message, ::testing::HasSubstr("another message with the id m-1"));
  EXPECT_THAT(outbox_->all(), ElementsAre(message("m-1", "david", "one")));
}

TEST_F(OutboxTest, CountsTheTriesOfEarlierRuns) {
  add(message("m-1", "david"));
  due_after(3);
  reopen();
  EXPECT_EQ(outbox_->take_due(now_).at(0).number, 4u);
  EXPECT_EQ(*outbox_->next_due() - now_, 8 * Outbox::kFirstRetry);
}

TEST_F(OutboxTest, KeepsTheOrderWhileTheServerIsAway) {
  for (const char* id : {"d-1", "d-2", "d-3", "d-4", "d-5"}) add(message(id, "david"));
  std::vector<std::string> in_order;
  for (int i = 0; i < 100; ++i) {
    for (const std::string& id : due_after(1))
      if (std::ranges::count(in_order, id) == 0) in_order.push_back(id);
  }
  EXPECT_EQ(outbox_->size(), 5u);
  EXPECT_THAT(given_up(), IsEmpty());
  EXPECT_THAT(in_order, ElementsAre("d-1", "d-2", "d-3"));  // the rest waits for one of these
  for (const char* id : {"d-1", "d-2", "d-3"}) acknowledge(id);
  EXPECT_THAT(given_up(), IsEmpty());
  EXPECT_THAT(due(), ElementsAre("d-4"));
}

TEST_F(OutboxTest, HasNoMoreUnderWayThanTheLimitThoughEachMayBeOvertaken) {
  for (const char* id : {"d-1", "d-2", "d-3", "d-4"}) add(message(id, "david"));
  due_after(40);  // those that go are suspects now
  now_ += Outbox::kLongestRetry;
  for (const char* id : {"d-1", "d-2", "d-3"}) {
    EXPECT_THAT(due(), ElementsAre(id));
    now_ += Outbox::kFirstRetry;  // now it need not be waited for any more
  }
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(OutboxTest, LetsLaterMessagesPassOneThatTheServerRefuses) {
  add(message("refused", "david"));
  add(message("d-1", "david"));
  EXPECT_THAT(due_after(Outbox::kSuspectAttempts), ElementsAre("refused"));
  EXPECT_THAT(due_after(1), ElementsAre("d-1"));
  acknowledge("d-1");
  EXPECT_THAT(given_up(), IsEmpty());
  EXPECT_THAT(due(), ElementsAre("refused"));  // at once: now the server is known to answer
  add(message("d-2", "david"));
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_THAT(due_after(1), ElementsAre("d-2"));
  acknowledge("d-2");
  EXPECT_THAT(given_up(), ElementsAre("refused"));
}

TEST_F(OutboxTest, GivesNothingUpForAcksThatComeTogether) {
  for (const char* id : {"d-1", "d-2", "d-3"}) add(message(id, "david"));
  due_after(40);  // all three are under way, many times over
  acknowledge("d-3");
  acknowledge("d-2");
  EXPECT_THAT(given_up(), IsEmpty());
  EXPECT_THAT(ids(outbox_->all()), ElementsAre("d-1"));
}

TEST_F(OutboxTest, CountsATryInVainOnceHoweverManyOvertakeIt) {
  add(message("d-1", "david"));
  due_after(8);  // its next try is a minute away
  add(message("d-2", "david"));
  add(message("d-3", "david"));
  EXPECT_THAT(due_after(Outbox::kSuspectAttempts), ElementsAre("d-2"));
  EXPECT_THAT(due_after(1), ElementsAre("d-3"));
  acknowledge("d-3");
  acknowledge("d-2");
  EXPECT_THAT(given_up(), IsEmpty());
}

TEST_F(OutboxTest, RemembersOverRestartsWhatWasOvertaken) {
  add(message("refused", "david"));
  due_after(Outbox::kSuspectAttempts);
  for (const char* id : {"d-1", "d-2"}) {
    reopen();
    add(message(id, "david"));
    EXPECT_THAT(due(), ElementsAre("refused"));
    now_ += Outbox::kFirstRetry;
    EXPECT_THAT(due(), ElementsAre(id));
    EXPECT_THAT(given_up(), IsEmpty());
    acknowledge(id);
  }
  EXPECT_THAT(given_up(), ElementsAre("refused"));
}

TEST_F(OutboxTest, HoldsUpNobodyElsesMessagesForASuspect) {
  add(message("refused", "david"));
  due_after(Outbox::kSuspectAttempts);
  add(message("e-1", "eva"));
  EXPECT_THAT(due(), ElementsAre("e-1"));
  acknowledge("e-1");
  EXPECT_THAT(given_up(), IsEmpty());  // says nothing about messages to David: his queue kept its order
}

TEST_F(OutboxTest, ForgetsWhatIsNotToBeSentAnyMore) {
  add(message("m-1", "david"));
  ASSERT_TRUE(outbox_->forget(*domain::MessageId::parse("m-1")).ok());
  reopen();
  EXPECT_EQ(outbox_->size(), 0u);
}

TEST_F(OutboxTest, TakesOverAnotherOutboxInTheOrderOfSending) {
  const auto other = open("send-0");
  const auto at = [](Outgoing outgoing, int second) {
    outgoing.time += std::chrono::seconds(second);
    return outgoing;
  };
  add(at(message("own-1", "david"), 1));
  add(at(message("own-4", "david"), 4));
  for (const auto& theirs :
       {at(message("their-2", "david"), 2), at(message("their-3", "eva"), 3), at(message("their-5", "david"), 5)})
    ASSERT_TRUE(other->add(theirs).ok());
  EXPECT_THAT(ids(*outbox_->take_over(*other)), ElementsAre("their-2", "their-3", "their-5"));
  EXPECT_EQ(other->size(), 0u);
  const auto expected = ElementsAre("own-1", "their-2", "their-3", "own-4", "their-5");
  EXPECT_THAT(ids(outbox_->all()), expected);
  reopen();
  EXPECT_THAT(ids(outbox_->all()), expected);
  EXPECT_THAT(open("send-0")->all(), IsEmpty());
}

TEST_F(OutboxTest, TakesOverWhatWasSentAtTheSameTimeBehindItsOwn) {
  const auto other = open("send-0");
  add(message("own", "david"));
  ASSERT_TRUE(other->add(message("their", "david")).ok());
  ASSERT_TRUE(outbox_->take_over(*other).ok());
  EXPECT_THAT(ids(outbox_->all()), ElementsAre("own", "their"));
}

TEST_F(OutboxTest, TakesNoMoreThanItsLimit) {
  fill(Outbox::kMaxMessages - 1);
  add(message("last", "eva"));
  const auto refused = outbox_->add(message("one-more", "eva"));
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("10000 messages wait"));
  EXPECT_EQ(outbox_->size(), Outbox::kMaxMessages);
  acknowledge("last");
  add(message("one-more", "eva"));
}

TEST_F(OutboxTest, TakesOverNoMoreThanItsLimitAndLeavesTheRestWhereItIs) {
  fill(Outbox::kMaxMessages - 1);
  const auto other = open("send-0");
  for (const char* id : {"their-1", "their-2"}) ASSERT_TRUE(other->add(message(id, "eva")).ok());
  EXPECT_THAT(ids(*outbox_->take_over(*other)), ElementsAre("their-1"));
  EXPECT_EQ(outbox_->size(), Outbox::kMaxMessages);
  EXPECT_THAT(ids(other->all()), ElementsAre("their-2"));
  EXPECT_THAT(ids(open("send-0")->all()), ElementsAre("their-2"));
}

TEST_F(OutboxTest, LeavesWhereItIsWhatAnotherMessageHasTheIdOf) {
  const auto other = open("send-0");
  add(message("same", "david", "one"));
  add(message("twice", "david"));
  ASSERT_TRUE(other->add(message("same", "david", "other")).ok());
  ASSERT_TRUE(other->add(message("twice", "david")).ok());
  EXPECT_THAT(*outbox_->take_over(*other), IsEmpty());
  EXPECT_THAT(ids(open("send-0")->all()), ElementsAre("same"));
  EXPECT_EQ(outbox_->size(), 2u);
}

TEST_F(OutboxTest, SaysWhenNothingIsDue) {
  EXPECT_FALSE(outbox_->next_due());
  add(message("m-1", "david"));
  EXPECT_LE(*outbox_->next_due(), now_);
}

TEST_F(OutboxTest, StaysSmallHoweverManyMessagesPassThrough) {
  const std::string content(60'000, 'x');
  add(message("waiting", "eva"));
  due_after(3);
  for (int i = 0; i < 60; ++i) {
    add(message("m-" + std::to_string(i), "david", content));
    acknowledge("m-" + std::to_string(i));
  }
  reopen();
  EXPECT_LT(std::filesystem::file_size(store_->file()), content.size() * 10);
  EXPECT_THAT(ids(outbox_->all()), ElementsAre("waiting"));
  EXPECT_EQ(outbox_->take_due(now_).at(0).number, 4u) << "its tries are not forgotten";
}

}  // namespace
}  // namespace hermes::chat
