#include "adapters/chat/outbox.h"

#include <gmock/gmock.h>

#include "tools/private_servers/temporary_folder.h"

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
          .time = domain::Timestamp(1'700'000'000'123'456us)};
}

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() { reopen(); }

  void reopen() {
    outbox_.reset();
    auto opened = Outbox::open(folder_.path());
    EXPECT_TRUE(opened.ok());
    outbox_ = std::move(*opened);
  }
  void add(const Outgoing& outgoing) { ASSERT_TRUE(outbox_->add(outgoing).ok()); }
  bool acknowledge(const std::string& id) { return outbox_->acknowledged(*domain::MessageId::parse(id)); }
  std::vector<std::string> due() { return ids(outbox_->take_due(now_)); }
  static std::vector<std::string> ids(const std::vector<Outgoing>& messages) {
    std::vector<std::string> out;
    for (const Outgoing& outgoing : messages) out.push_back(outgoing.message.message_id.str());
    return out;
  }

  private_servers::TemporaryFolder folder_;
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

TEST_F(OutboxTest, SaysWhenNothingIsDue) {
  EXPECT_FALSE(outbox_->next_due());
  add(message("m-1", "david"));
  EXPECT_LE(*outbox_->next_due(), now_);
}

TEST_F(OutboxTest, StaysSmallHoweverManyMessagesPassThrough) {
  const std::string content(60'000, 'x');
  add(message("waiting", "eva"));
  for (int i = 0; i < 60; ++i) {
    add(message("m-" + std::to_string(i), "david", content));
    acknowledge("m-" + std::to_string(i));
  }
  EXPECT_LT(std::filesystem::file_size(folder_ / "outbox.log"), Outbox::kRewriteBytes + content.size() * 2);
  reopen();
  EXPECT_THAT(ids(outbox_->all()), ElementsAre("waiting"));
}

}  // namespace
}  // namespace hermes::chat
