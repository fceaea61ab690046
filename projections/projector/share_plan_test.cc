#include "projections/projector/share_plan.h"

#include <gmock/gmock.h>

#include <chrono>

namespace hermes::projections {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::FieldsAre;
using testing::IsEmpty;

// Partitions 0, 1, 2, ... whose checkpoint is 100, and in which so many events wait.
class SharePlan : public testing::Test {
 protected:
  void waiting(const std::vector<eventstore::Offset>& events) {
    for (std::size_t i = 0; i < events.size(); ++i) {
      const auto partition = static_cast<eventstore::Partition>(i);
      owned[partition].next = 100;
      epochs[partition] = static_cast<Epoch>(7 + i);
      heads.push_back(100 + events[i]);
    }
  }
  std::vector<Share> plan(std::size_t events_max) const { return plan_shares(owned, epochs, suspects, heads, events_max, now); }
  // How many events each takes.
  std::map<eventstore::Partition, std::size_t> planned(std::size_t events_max) const {
    std::map<eventstore::Partition, std::size_t> events;
    for (const Share& share : plan(events_max)) events[share.partition] = share.events_max;
    return events;
  }
  using Planned = std::map<eventstore::Partition, std::size_t>;

  OwnedPartitions owned;
  std::map<eventstore::Partition, Epoch> epochs;
  Suspects suspects;
  std::vector<eventstore::Offset> heads;
  const Suspect::Clock::time_point now{1h};
};

TEST_F(SharePlan, IsEmptyWhenNothingWaits) {
  waiting({0, 0});
  EXPECT_THAT(plan(10), IsEmpty());
}

TEST_F(SharePlan, NamesHeadAndEpochAscendingByPartition) {
  waiting({5, 0, 3});
  EXPECT_THAT(plan(100), ElementsAre(FieldsAre(0, 7, 105, 5u), FieldsAre(2, 9, 103, 3u)));
}

TEST_F(SharePlan, LeavesAloneAPartitionWhoseCheckpointIsPastTheHead) {
  waiting({-1, 2});
  EXPECT_EQ(planned(10), (Planned{{1, 2}}));
}

TEST_F(SharePlan, SharesEquallyWhatAllHaveMoreThanEnoughOf) {
  waiting({1'000, 1'000, 1'000, 1'000});
  EXPECT_EQ(planned(100), (Planned{{0, 25}, {1, 25}, {2, 25}, {3, 25}}));
}

TEST_F(SharePlan, GivesWhatOneLeavesToThoseWithMore) {
  waiting({1'000, 10, 1'000});
  EXPECT_EQ(planned(110), (Planned{{0, 50}, {1, 10}, {2, 50}}));
}

TEST_F(SharePlan, GivesEachOneEventThoughThatIsMoreThanTheBatchMayHave) {
  waiting({10, 10, 10});
  EXPECT_EQ(planned(2), (Planned{{0, 1}, {1, 1}, {2, 1}}));
}

TEST_F(SharePlan, PassesOverAPartitionThatIsStuck) {
  waiting({10, 10});
  owned[0].stuck = StuckAt{};
  EXPECT_EQ(planned(100), (Planned{{1, 10}}));
}

TEST_F(SharePlan, GivesASuspectTheBatchAloneInThePieceItWasNarrowedTo) {
  waiting({10, 10, 10});
  suspects[1] = {.until = 110, .events_max = 4};
  EXPECT_EQ(planned(100), (Planned{{1, 4}}));
}

TEST_F(SharePlan, GivesASuspectNoMoreThanWaits) {
  waiting({0, 2});
  suspects[1] = {.until = 110, .events_max = 4};
  EXPECT_EQ(planned(100), (Planned{{1, 2}}));
}

TEST_F(SharePlan, LetsTheOthersGoOnUntilASuspectsTimeHasCome) {
  waiting({10, 10});
  suspects[0] = {.until = 110, .events_max = 4, .not_before = now + 1ms};
  EXPECT_EQ(planned(100), (Planned{{1, 10}}));
  suspects[0].not_before = now;
  EXPECT_EQ(planned(100), (Planned{{0, 4}}));
}

// What made an event too slow may pass.
TEST_F(SharePlan, TriesAStuckSuspectAgainWhenItsTimeHasCome) {
  waiting({10, 10});
  owned[0].stuck = StuckAt{};
  suspects[0] = {.until = 101, .events_max = 1, .not_before = now};
  EXPECT_EQ(planned(100), (Planned{{0, 1}}));
}

TEST_F(SharePlan, TurnsToTheOthersWhereNothingWaitsForASuspect) {
  waiting({0, 10});
  suspects[0] = {.until = 110, .events_max = 4};
  EXPECT_EQ(planned(100), (Planned{{1, 10}}));
}

}  // namespace
}  // namespace hermes::projections
