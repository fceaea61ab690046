#include "adapters/ingest/intake.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "adapters/ingest/settings.h"
#include "tests/servers/temporary_folder.h"

namespace hermes::ingest {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// An intake on a real spool, whose client only writes down what it is told.
class IntakeTest : public testing::Test {
 protected:
  static constexpr std::size_t kSpoolBytesMax = 64u << 10;
  // Two of them do not fit the spool.
  const std::string large = std::string(40u << 10, 'x');

  // How many were taken of what came together.
  std::size_t take(const std::vector<std::string>& payloads, bool retained = false) {
    std::vector<mqtt::Message> messages;
    for (const std::string& payload : payloads)
      messages.push_back({.topic = "chat/messages/david", .payload = payload, .qos = 1, .retained = retained});
    return intake_.take(messages);
  }
  // With records that nearly fill a segment each, so that a tenth of the room is not left, and a released one gives its room
  // back.
  void fill_spool() {
    while (take({std::string(kSpoolBytesMax / 4 * 15 / 16, 'x')}) == 1) continue;
  }
  void release_all() {
    while (const auto record = spool_->next()) spool_->release(record->sequence);
  }
  // Beyond any back-off.
  void let_time_pass() { now_ += 1h; }
  std::vector<std::string> spooled() {
    std::vector<std::string> payloads;
    while (const auto record = spool_->next()) payloads.push_back(record->payload);
    return payloads;
  }

  private_servers::TemporaryFolder folder_;
  static std::unique_ptr<spool::Spool> open_spool(const std::filesystem::path& folder) {
    spool::Settings settings;
    settings.folder = folder;
    settings.max_bytes = kSpoolBytesMax;
    return *spool::Spool::open(settings);
  }
  std::unique_ptr<spool::Spool> spool_ = open_spool(folder_ / "spool");
  prometheus::Registry registry_;
  Metrics metrics_{registry_};
  Intake::Clock::time_point now_{};
  std::vector<std::string> told_;
  Intake intake_{*spool_,
                 metrics_,
                 {.appended = [this] { told_.push_back("appended"); },
                  .pause = [this] { told_.push_back("pause"); },
                  .resume = [this] { told_.push_back("resume"); },
                  .now = [this] { return now_; }}};
};

const std::string kMessage =
    R"({"message_id":"m1","sender_id":"fredy","sender_name":"Fredy","receiver_id":"david","content":"hello"})";
const std::string kReceipt = R"({"type":"status","message_id":"m1","status":"read","user_id":"david"})";

TEST_F(IntakeTest, HasWhatItTookInTheSpoolBeforeItSaysSo) {
  EXPECT_EQ(take({"a", "b", "c"}), 3u);
  EXPECT_THAT(spooled(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(intake_.appended(), 3u);
  EXPECT_THAT(told_, ElementsAre("appended"));
  EXPECT_EQ(metrics_.received.Value(), 3);
  EXPECT_THAT(intake_.problem(), IsEmpty());
}

TEST_F(IntakeTest, TakesOfARetainedBatchTheMessagesAloneAndIgnoresTheRest) {
  EXPECT_EQ(take({kReceipt, "no JSON", kMessage, kReceipt}, true), 4u) << "what is ignored comes no more";
  EXPECT_THAT(spooled(), ElementsAre(kMessage));
  EXPECT_EQ(metrics_.retained_ignored.Value(), 3);
}

TEST_F(IntakeTest, WakesNobodyForABatchOfWhichItIgnoresAll) {
  EXPECT_EQ(take({kReceipt}, true), 1u);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(IntakeTest, TakesAReceiptThatIsNotRetained) {
  EXPECT_EQ(take({kReceipt}), 1u);
  EXPECT_THAT(spooled(), ElementsAre(kReceipt));
}

TEST_F(IntakeTest, PausesReadingWhenTheSpoolIsFullAndSaysWhy) {
  EXPECT_EQ(take({large, large, "behind it"}), 1u);
  EXPECT_THAT(told_, ElementsAre("appended", "pause"));
  EXPECT_THAT(intake_.problem(), HasSubstr("the spool takes no messages"));
  EXPECT_EQ(metrics_.not_taken.Value(), 1);
  EXPECT_THAT(spooled(), ElementsAre(large));
}

TEST_F(IntakeTest, CountsWhatItIgnoredBeforeTheFirstThatDoesNotFit) {
  const std::vector<mqtt::Message> messages{{.topic = "t", .payload = kReceipt, .retained = true},
                                            {.topic = "t", .payload = large},
                                            {.topic = "t", .payload = kReceipt, .retained = true},
                                            {.topic = "t", .payload = large}};
  EXPECT_EQ(intake_.take(messages), 3u);
}

TEST_F(IntakeTest, DoesNotReadAgainWhileTheSpoolIsFull) {
  fill_spool();
  told_.clear();
  let_time_pass();
  intake_.read_again();
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_THAT(intake_.problem(), HasSubstr("the spool takes no messages"));
}

TEST_F(IntakeTest, ReadsAgainOnceThereIsRoomAndTheBackOffHasPassed) {
  fill_spool();
  release_all();
  told_.clear();
  intake_.read_again();
  EXPECT_THAT(told_, IsEmpty()) << "at the time of the refusal";
  let_time_pass();
  intake_.read_again();
  EXPECT_THAT(told_, ElementsAre("resume"));
  EXPECT_THAT(intake_.problem(), IsEmpty());
  EXPECT_EQ(take({large}), 1u);
}

TEST_F(IntakeTest, ResumesNothingThatWasNotPaused) {
  intake_.read_again();
  EXPECT_EQ(take({"a"}), 1u);
  let_time_pass();
  intake_.read_again();
  EXPECT_THAT(told_, ElementsAre("appended"));
}

TEST_F(IntakeTest, WaitsLongerWhenNothingWasTakenInBetweenAndShortlyAgainOnceSomethingWas) {
  const auto reads_again_within = [this](std::chrono::milliseconds duration) {
    told_.clear();
    now_ += duration;
    intake_.read_again();
    return !told_.empty();
  };
  fill_spool();
  // The spool is full for this one alone: there is room enough to read again, and it still does not fit.
  const std::string too_large(kSpoolBytesMax, 'x');
  release_all();
  for (int refusals = 0; refusals < 8; ++refusals) EXPECT_EQ(take({too_large}), 0u);
  EXPECT_FALSE(reads_again_within(kRetryLongest / 4));
  EXPECT_TRUE(reads_again_within(kRetryLongest));
  EXPECT_EQ(take({"small"}), 1u);
  EXPECT_EQ(take({too_large}), 0u);
  EXPECT_TRUE(reads_again_within(kRetryFirst));
}

}  // namespace
}  // namespace hermes::ingest
