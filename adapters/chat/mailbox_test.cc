// What becomes of a message, without a broker: what it would bring is put in, what it would get is looked at.
#include "adapters/chat/mailbox.h"

#include <gmock/gmock.h>

#include "adapters/chat/store/set_aside.h"
#include "tests/servers/temporary_folder.h"

namespace hermes::chat {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Timestamp kNow(1'700'000'000'000'000us);

domain::UserId user(const std::string& text) { return *domain::UserId::parse(text); }
domain::MessageId id_of(const std::string& text) { return *domain::MessageId::parse(text); }
domain::SendMessage message(const std::string& id, const std::string& from, const std::string& to) {
  return {id_of(id), user(from), from, user(to), "text of " + id, "text"};
}
Outgoing outgoing(const std::string& id) { return {message(id, "david", "fredy"), kNow}; }

std::string words(const Notice& notice) {
  if (const auto* arrived = std::get_if<MessageArrived>(&notice))
    return "arrived " + arrived->incoming.message.message_id.str();
  if (const auto* receipt = std::get_if<ReceiptArrived>(&notice)) return "receipt " + receipt->message_id.str();
  if (const auto* late = std::get_if<NotAcknowledged>(&notice)) return "late " + late->outgoing.message.message_id.str();
  if (const auto* given_up = std::get_if<GivenUp>(&notice)) return "given up " + given_up->outgoing.message.message_id.str();
  if (const auto* taken = std::get_if<TakenOver>(&notice))
    return "taken over " + taken->messages.at(0).message.message_id.str();
  if (std::holds_alternative<Trouble>(notice)) return "trouble";
  return "something else";
}

// david's.
class MailboxTest : public ::testing::Test {
 protected:
  MailboxTest() {
    auto lanes = Lanes::attend(folder_.path());
    EXPECT_TRUE(lanes.ok());
    auto inbox = Inbox::open(lanes->store(), 0ms, now_);
    EXPECT_TRUE(inbox.ok());
    mailbox_.emplace(user("david"), std::move(*lanes), std::move(*inbox), notices_);
  }

  void comes_in(domain::Command command, std::optional<Timestamp> claim = kNow) {
    EXPECT_TRUE(mailbox_->take(wire::Decoded{std::move(command), claim}, kNow));
  }
  void acknowledged_by(const std::string& who, const std::string& id) {
    comes_in(domain::RecordReceipt{id_of(id), domain::Status::received_by_server, user(who)});
  }
  void add(const std::string& id) { ASSERT_TRUE(mailbox_->add(outgoing(id), now_).ok()); }
  // What a publisher gets that has everything out.
  std::vector<std::string> publish() {
    const Mailbox::Due due = mailbox_->take_due(now_);
    std::vector<std::string> out;
    for (const Outbox::Attempt& attempt : due.messages) out.push_back(attempt.outgoing.message.message_id.str());
    for (const Receipt& receipt : due.receipts)
      out.push_back(receipt.message_id.str() + " " + std::string(to_string(receipt.status)));
    mailbox_->published(due.messages);
    mailbox_->published(due.receipts, now_);
    return out;
  }
  std::vector<std::string> told() {
    std::vector<std::string> out;
    for (const Notice& notice : notices_.take()) out.push_back(words(notice));
    return out;
  }

  private_servers::TemporaryFolder folder_;
  Mailbox::Clock::time_point now_ = Mailbox::Clock::now();
  Notices notices_;
  std::optional<Mailbox> mailbox_;
};

TEST_F(MailboxTest, TakesWhatIsForItsUserAndNotTheEchoOfAnOwnBroadcast) {
  comes_in(message("to-me", "fredy", "david"));
  comes_in(message("to-all", "fredy", "all"));
  comes_in(message("to-eva", "fredy", "eva"));
  comes_in(message("own", "david", "all"));
  comes_in(message("to-me", "fredy", "david"));
  EXPECT_THAT(told(), ElementsAre("arrived to-me", "arrived to-all"));
}

TEST_F(MailboxTest, ShowsNoTimeThatIsStillToCome) {
  comes_in(message("a-little", "fredy", "david"), kNow + Mailbox::kClockTolerance);
  comes_in(message("too-far", "fredy", "david"), kNow + Mailbox::kClockTolerance + 1us);
  comes_in(message("none", "fredy", "david"), std::nullopt);
  std::vector<Timestamp> times;
  for (const Notice& notice : notices_.take()) times.push_back(std::get<MessageArrived>(notice).incoming.time);
  EXPECT_THAT(times, ElementsAre(kNow + Mailbox::kClockTolerance, kNow, kNow));
}

TEST_F(MailboxTest, GivesOutAReceiptUntilItIsPublishedAndNotWhileTheyAreHeld) {
  comes_in(message("m-1", "fredy", "david"));
  mailbox_->shown({id_of("m-1")}, now_);
  EXPECT_FALSE(mailbox_->settled(now_));
  EXPECT_EQ(mailbox_->take_due(now_).receipts.size(), 1u);
  mailbox_->hold_receipts(now_ + 1s);
  EXPECT_THAT(publish(), IsEmpty());
  EXPECT_EQ(mailbox_->next_due(), now_ + 1s);
  now_ += 1s;
  EXPECT_THAT(publish(), ElementsAre("m-1 delivered"));
  EXPECT_THAT(publish(), ElementsAre("m-1 read"));
  EXPECT_TRUE(mailbox_->settled(now_));
}

TEST_F(MailboxTest, OnlyTheServersWordEndsAMessagesWaiting) {
  add("m-1");
  EXPECT_THAT(publish(), ElementsAre("m-1"));
  acknowledged_by("fredy", "m-1");
  EXPECT_FALSE(mailbox_->settled(now_));
  acknowledged_by("server", "m-1");
  EXPECT_TRUE(mailbox_->settled(now_));
  EXPECT_THAT(told(), ElementsAre("receipt m-1", "receipt m-1"));
}

TEST_F(MailboxTest, TellsOfAMessageThatIsSentAgain) {
  add("m-1");
  EXPECT_THAT(publish(), ElementsAre("m-1"));
  EXPECT_THAT(told(), IsEmpty());
  now_ += Outbox::kFirstRetry;
  EXPECT_THAT(publish(), ElementsAre("m-1"));
  EXPECT_THAT(told(), ElementsAre("late m-1"));
}

TEST_F(MailboxTest, HasNothingWaitThatTheServerWouldRefuse) {
  for (const std::string& text : {std::string(), std::string("\xff"), std::string(wire::kMaxPayloadBytes, 'x')}) {
    Outgoing refused = outgoing("m-1");
    refused.message.content = text;
    EXPECT_FALSE(mailbox_->add(refused, now_).ok());
  }
  EXPECT_EQ(mailbox_->lanes().own().size(), 0u);
}

TEST_F(MailboxTest, LooksNowAndThenForWhatAnotherProcessLeft) {
  EXPECT_THAT(publish(), IsEmpty());
  EXPECT_EQ(mailbox_->next_due(), now_ + Mailbox::kAdoptEvery);
  ASSERT_TRUE(Lanes::send_only(folder_.path())->own().add(outgoing("left")).ok());
  EXPECT_THAT(publish(), IsEmpty());
  now_ += Mailbox::kAdoptEvery;
  EXPECT_THAT(publish(), ElementsAre("left"));
  EXPECT_THAT(told(), ElementsAre("taken over left"));
}

TEST_F(MailboxTest, TellsATroubleOnceAndKeepsTheMessage) {
  add("m-1");
  const auto store = *Store::open(folder_.path());
  const auto change = [&](const std::string& sql) {
    ASSERT_TRUE(
        store->write(Store::Durability::process, [&](sqlite::Connection& connection) { connection.execute(sql); }).ok());
  };
  change("CREATE TRIGGER in_the_way BEFORE INSERT ON set_aside BEGIN SELECT RAISE(ABORT, 'in the way'); END");
  mailbox_->give_up(id_of("m-1"), "refused");
  mailbox_->give_up(id_of("m-1"), "refused");
  EXPECT_THAT(told(), ElementsAre("trouble"));
  EXPECT_EQ(mailbox_->lanes().own().size(), 1u);
  change("DROP TRIGGER in_the_way");
  mailbox_->give_up(id_of("m-1"), "refused");
  mailbox_->give_up(id_of("m-1"), "a second time");
  EXPECT_THAT(told(), ElementsAre("given up m-1"));
  EXPECT_EQ(mailbox_->lanes().own().size(), 0u);
  EXPECT_EQ(all_set_aside(*store)->size(), 1u);
}

TEST_F(MailboxTest, ThatOnlySendsLeavesMessagesToTheAttendingClient) {
  Mailbox sender(user("david"), std::move(*Lanes::send_only(folder_.path())), nullptr, notices_);
  EXPECT_TRUE(sender.take(wire::Decoded{message("to-me", "fredy", "david"), kNow}, kNow));
  EXPECT_TRUE(sender.take({domain::RecordReceipt{id_of("m-1"), domain::Status::read, user("fredy")}, kNow}, kNow));
  EXPECT_THAT(told(), ElementsAre("receipt m-1"));
  EXPECT_EQ(sender.next_due(), std::nullopt);
}

}  // namespace
}  // namespace hermes::chat
