#include "adapters/chat/store/unconfirmed_receipts.h"

#include <gmock/gmock.h>

#include <string>

namespace hermes::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

domain::MessageId id_of(const std::string& text) { return *domain::MessageId::parse(text); }
Receipt receipt(const std::string& id, domain::Status status) { return {*domain::UserId::parse("fredy"), id_of(id), status}; }
Receipt delivered(const std::string& id) { return receipt(id, domain::Status::delivered); }
Receipt read(const std::string& id) { return receipt(id, domain::Status::read); }

class UnconfirmedReceiptsTest : public ::testing::Test {
 protected:
  void publish(const std::string& id) {
    receipts_.published(delivered(id), now_);
    receipts_.published(read(id), now_);
  }
  std::vector<std::string> to_look_up() {
    std::vector<std::string> out;
    for (const domain::MessageId& id : receipts_.to_look_up(now_, 100)) out.push_back(id.str());
    return out;
  }
  std::vector<std::string> to_publish() {
    std::vector<std::string> out;
    for (const Receipt& again : receipts_.to_publish(100))
      out.push_back(again.message_id.str() + " " + std::string(to_string(again.status)));
    return out;
  }
  void find_nothing_of(const std::string& id) { receipts_.looked_up({id_of(id)}, {}, now_); }

  UnconfirmedReceipts receipts_;
  UnconfirmedReceipts::Clock::time_point now_ = UnconfirmedReceipts::Clock::now();
};

TEST_F(UnconfirmedReceiptsTest, AreLookedUpSomeTimeAfterTheyWerePublished) {
  publish("m-1");
  EXPECT_THAT(to_look_up(), IsEmpty());
  EXPECT_EQ(receipts_.next_look(), now_ + UnconfirmedReceipts::kFirstWait);
  now_ += UnconfirmedReceipts::kFirstWait;
  EXPECT_THAT(to_look_up(), ElementsAre("m-1"));
  EXPECT_THAT(to_publish(), IsEmpty());
}

TEST_F(UnconfirmedReceiptsTest, AreNotKeptOnceTheyWereFound) {
  publish("m-1");
  now_ += UnconfirmedReceipts::kFirstWait;
  EXPECT_THAT(receipts_.looked_up({id_of("m-1")}, {delivered("m-1"), read("m-1")}, now_), ElementsAre(id_of("m-1")));
  EXPECT_EQ(receipts_.size(), 0u);
  EXPECT_EQ(receipts_.next_look(), std::nullopt);
}

TEST_F(UnconfirmedReceiptsTest, ThatAreMissingArePublishedAgainAndNoOthers) {
  publish("m-1");
  now_ += UnconfirmedReceipts::kFirstWait;
  receipts_.looked_up({id_of("m-1")}, {read("m-1")}, now_);
  EXPECT_THAT(to_publish(), ElementsAre("m-1 delivered"));
  receipts_.published(delivered("m-1"), now_);
  EXPECT_THAT(to_publish(), IsEmpty());
}

TEST_F(UnconfirmedReceiptsTest, AreLookedUpLessAndLessOften) {
  publish("m-1");
  std::vector<std::chrono::seconds> waits;
  for (int i = 0; i < 12; ++i) {
    waits.push_back(std::chrono::duration_cast<std::chrono::seconds>(*receipts_.next_look() - now_));
    now_ = *receipts_.next_look();
    find_nothing_of("m-1");
    publish("m-1");
  }
  EXPECT_THAT(waits, ElementsAre(5s, 10s, 20s, 40s, 80s, 160s, 320s, 640s, 1280s, 2560s, 3600s, 3600s));
}

TEST_F(UnconfirmedReceiptsTest, ThatTheServerNeverTakesAreLetGo) {
  publish("m-1");
  for (unsigned i = 0; i < UnconfirmedReceipts::kTriesMax; ++i) {
    ASSERT_EQ(receipts_.size(), 1u) << i;
    now_ = *receipts_.next_look();
    find_nothing_of("m-1");
    if (receipts_.size() == 1) publish("m-1");
  }
  EXPECT_EQ(receipts_.size(), 0u);
}

TEST_F(UnconfirmedReceiptsTest, ThatWerePublishedWhileTheAnswerWasUnderWayAreNotTakenForMissing) {
  receipts_.published(delivered("m-1"), now_);
  now_ += UnconfirmedReceipts::kFirstWait;
  receipts_.published(read("m-1"), now_);
  receipts_.looked_up({id_of("m-1")}, {delivered("m-1")}, now_);
  EXPECT_THAT(to_publish(), IsEmpty());
  EXPECT_EQ(receipts_.size(), 1u);
}

TEST_F(UnconfirmedReceiptsTest, AreBoundedAndTheOldestGoesFirst) {
  for (std::size_t i = 0; i < UnconfirmedReceipts::kMax; ++i)
    EXPECT_EQ(receipts_.published(read("m-" + std::to_string(i)), now_), std::nullopt);
  EXPECT_EQ(receipts_.published(read("one-more"), now_), id_of("m-0"));
  EXPECT_EQ(receipts_.size(), UnconfirmedReceipts::kMax);
}

}  // namespace
}  // namespace hermes::chat
