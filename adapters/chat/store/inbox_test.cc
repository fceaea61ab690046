#include "adapters/chat/store/inbox.h"

#include <gmock/gmock.h>

#include "tests/servers/temporary_folder.h"

namespace hermes::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

domain::MessageId id_of(const std::string& text) { return *domain::MessageId::parse(text); }

Incoming message(const std::string& id) {
  return {.message = {.message_id = id_of(id),
                      .sender = *domain::UserId::parse("fredy"),
                      .sender_name = "Fredy",
                      .receiver = *domain::UserId::parse("david"),
                      .content = "Hello",
                      .message_type = "text"},
          .time = Timestamp(1'700'000'000'123'456us)};
}

class InboxTest : public ::testing::Test {
 protected:
  InboxTest() { reopen(); }

  void reopen(std::optional<std::chrono::milliseconds> read_after = 2s) {
    inbox_.reset();
    store_.reset();
    auto store = Store::open(folder_.path());
    ASSERT_TRUE(store.ok()) << store.error().message;
    store_ = std::move(*store);
    auto opened = Inbox::open(*store_, read_after, now_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    inbox_ = std::move(*opened);
  }
  bool take(const std::string& id) {
    const auto taken = inbox_->take(message(id));
    EXPECT_TRUE(taken.ok());
    return *taken;
  }
  void show(const std::string& id) { inbox_->shown({id_of(id)}, now_); }
  // Publishes what is due, as the session does.
  std::vector<std::string> publish() {
    std::vector<std::string> out;
    for (const Receipt& receipt : inbox_->due(now_, 100)) {
      out.push_back(receipt.message_id.str() + " " + std::string(to_string(receipt.status)) + " to " + receipt.sender.str());
      inbox_->published({receipt}, now_);
    }
    return out;
  }
  std::vector<std::string> not_shown() {
    std::vector<std::string> out;
    for (const Incoming& incoming : inbox_->not_shown()) out.push_back(incoming.message.message_id.str());
    return out;
  }

  private_servers::TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Inbox> inbox_;
  Inbox::Clock::time_point now_ = Inbox::Clock::now();
};

TEST_F(InboxTest, ReportsNothingBeforeAMessageIsShown) {
  EXPECT_TRUE(take("m-1"));
  EXPECT_THAT(publish(), IsEmpty());
  EXPECT_FALSE(inbox_->next_due());
}

TEST_F(InboxTest, ReportsDeliveredWhenShownAndReadAfterwards) {
  take("m-1");
  show("m-1");
  EXPECT_THAT(publish(), ElementsAre("m-1 delivered to fredy"));
  EXPECT_EQ(*inbox_->next_due(), now_ + 2s);
  EXPECT_THAT(publish(), IsEmpty());
  now_ += 2s;
  EXPECT_THAT(publish(), ElementsAre("m-1 read to fredy"));
  EXPECT_FALSE(inbox_->next_due());
}

TEST_F(InboxTest, NeverReportsReadWhenAskedNotTo) {
  reopen(std::nullopt);
  take("m-1");
  show("m-1");
  EXPECT_THAT(publish(), ElementsAre("m-1 delivered to fredy"));
  now_ += 24h;
  EXPECT_THAT(publish(), IsEmpty());
  reopen(2s);
  now_ += 24h;
  EXPECT_THAT(publish(), IsEmpty());
}

TEST_F(InboxTest, RepeatsAReceiptThatDidNotGetOut) {
  take("m-1");
  show("m-1");
  EXPECT_EQ(inbox_->due(now_, 100).size(), 1u);
  EXPECT_EQ(inbox_->due(now_, 100).size(), 1u);
  reopen();
  EXPECT_THAT(publish(), ElementsAre("m-1 delivered to fredy"));
}

TEST_F(InboxTest, TakesAMessageOnceInEveryStageAndOverRestarts) {
  EXPECT_TRUE(take("m-1"));
  EXPECT_FALSE(take("m-1"));
  reopen();
  EXPECT_FALSE(take("m-1"));
  show("m-1");
  EXPECT_FALSE(take("m-1"));
  publish();
  now_ += 2s;
  publish();
  EXPECT_FALSE(take("m-1"));
  reopen();
  EXPECT_FALSE(take("m-1"));
}

TEST_F(InboxTest, GivesWhatWasTakenAndNotShownAfterARestart) {
  take("m-1");
  take("m-2");
  take("m-3");
  show("m-2");
  reopen();
  EXPECT_THAT(not_shown(), ElementsAre("m-1", "m-3"));
}

TEST_F(InboxTest, ReportsReadAfterARestartForWhatWasShownBefore) {
  take("m-1");
  show("m-1");
  publish();
  reopen();
  EXPECT_THAT(publish(), IsEmpty());
  now_ += 2s;
  EXPECT_THAT(publish(), ElementsAre("m-1 read to fredy"));
}

TEST_F(InboxTest, GivesNoMoreReceiptsAtOnceThanAskedFor) {
  for (int i = 0; i < 5; ++i) take("m-" + std::to_string(i)), show("m-" + std::to_string(i));
  EXPECT_EQ(inbox_->due(now_, 3).size(), 3u);
}

TEST_F(InboxTest, StaysSmallAndRemembersTheNewest) {
  reopen(std::nullopt);
  for (int i = 0; i < 20'000; ++i) {
    const std::string id = "a-rather-long-message-id-" + std::to_string(i);
    take(id), show(id), inbox_->published({{*domain::UserId::parse("fredy"), id_of(id), domain::Status::delivered}}, now_);
  }
  reopen(std::nullopt);
  EXPECT_LT(std::filesystem::file_size(store_->file()), 5u << 19);
  EXPECT_FALSE(take("a-rather-long-message-id-19999"));
  EXPECT_FALSE(take("a-rather-long-message-id-11000"));
}

TEST_F(InboxTest, KeepsReceiptsOverARestartUntilTheyAreInTheLog) {
  for (const std::string id : {"m-1", "m-2"}) take(id), show(id);
  publish();
  now_ += 2s;
  publish();
  inbox_->looked_up({id_of("m-1")},
                    {{*domain::UserId::parse("fredy"), id_of("m-1"), domain::Status::delivered},
                     {*domain::UserId::parse("fredy"), id_of("m-1"), domain::Status::read}},
                    now_);
  reopen();
  now_ += UnconfirmedReceipts::kFirstWait;
  EXPECT_THAT(inbox_->unconfirmed().to_look_up(now_, 100), ElementsAre(id_of("m-2")));
  inbox_->looked_up({id_of("m-2")}, {}, now_);
  std::vector<std::string> again;
  for (const Receipt& receipt : inbox_->unconfirmed().to_publish(100))
    again.push_back(receipt.message_id.str() + " " + std::string(to_string(receipt.status)) + " to " + receipt.sender.str());
  EXPECT_THAT(again, ElementsAre("m-2 delivered to fredy", "m-2 read to fredy"));
}

}  // namespace
}  // namespace hermes::chat
