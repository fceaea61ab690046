#include "adapters/ingest/batch_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/eventually.h"

namespace hermes::ingest {
namespace {

using test_support::eventually;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

constexpr BatchQueueLimits kLimits{.items = 4, .bytes = 100, .batch_items = 2, .batch_bytes = 50};

TEST(BatchQueue, GivesBatchesInOrder) {
  BatchQueue<int> queue(kLimits);
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(queue.push(int{i}, 1));
  EXPECT_THAT(queue.pop(0ms, 0ms), ElementsAre(1, 2));
  EXPECT_THAT(queue.pop(0ms, 0ms), ElementsAre(3));
  EXPECT_THAT(queue.pop(0ms, 0ms), IsEmpty());
}

TEST(BatchQueue, ClosesABatchOfLargeItemsEarly) {
  BatchQueue<int> queue(kLimits);
  queue.push(1, 40);
  queue.push(2, 40);
  EXPECT_THAT(queue.pop(0ms, 0ms), ElementsAre(1));
}

// A clock that stands still until a test moves it.
struct ManualClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ManualClock>;
  static constexpr bool is_steady = true;
  static inline std::atomic<rep> ticks = 0;
  static time_point now() { return time_point(duration(ticks)); }
};

TEST(BatchQueue, CountsTheTimeThatItemsHaveWaitedAlready) {
  BatchQueue<int, ManualClock> queue(kLimits);
  queue.push(1, 1);
  ManualClock::ticks += std::chrono::nanoseconds(1h).count();
  EXPECT_THAT(queue.pop(0ms, 1h), ElementsAre(1));  // would wait for ever
}

TEST(BatchQueue, TakesAnItemThatIsLargerThanTheQueue) {
  BatchQueue<int> queue(kLimits);
  EXPECT_TRUE(queue.push(1, 1'000'000));
  EXPECT_THAT(queue.pop(0ms, 0ms), ElementsAre(1));
}

TEST(BatchQueue, MakesTheProducerWaitWhenFullByCount) {
  BatchQueue<int> queue(kLimits);
  std::atomic<int> pushed = 0;
  std::jthread producer([&] {
    for (int i = 0; i < 5; ++i) {
      queue.push(int{i}, 1);
      ++pushed;
    }
  });
  ASSERT_TRUE(eventually([&] { return pushed == 4; }));
  EXPECT_EQ(queue.size(), 4u);
  EXPECT_THAT(queue.pop(0ms, 0ms), SizeIs(2));
  EXPECT_TRUE(eventually([&] { return pushed == 5; }));
}

TEST(BatchQueue, MakesTheProducerWaitWhenFullByBytes) {
  BatchQueue<int> queue(kLimits);
  queue.push(0, 90);
  std::atomic<bool> pushed = false;
  std::jthread producer([&] {
    queue.push(1, 20);
    pushed = true;
  });
  EXPECT_FALSE(pushed);
  EXPECT_THAT(queue.pop(0ms, 0ms), ElementsAre(0));
  EXPECT_TRUE(eventually([&] { return pushed.load(); }));
}

TEST(BatchQueue, GivesAFullBatchWithoutLingering) {
  BatchQueue<int> queue(kLimits);
  std::jthread producer([&] {
    queue.push(1, 1);
    queue.push(2, 1);
  });
  EXPECT_THAT(queue.pop(1h, 1h), ElementsAre(1, 2));
}

TEST(BatchQueue, GivesWhatIsLeftAfterItIsClosedAndTakesNoMore) {
  BatchQueue<int> queue(kLimits);
  queue.push(1, 1);
  queue.close();
  EXPECT_FALSE(queue.push(2, 1));
  EXPECT_FALSE(queue.drained());
  EXPECT_THAT(queue.pop(1h, 1h), ElementsAre(1));
  EXPECT_TRUE(queue.drained());
  EXPECT_THAT(queue.pop(1h, 1h), IsEmpty());
}

TEST(BatchQueue, LetsAWaitingProducerGoWhenClosed) {
  BatchQueue<int> queue(kLimits);
  for (int i = 0; i < 4; ++i) queue.push(int{i}, 1);
  std::atomic<bool> refused = false;
  std::jthread producer([&] { refused = !queue.push(5, 1); });
  queue.close();
  EXPECT_TRUE(eventually([&] { return refused.load(); }));
}

}  // namespace
}  // namespace hermes::ingest
