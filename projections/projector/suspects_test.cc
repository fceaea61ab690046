#include "projections/projector/suspects.h"

#include <gtest/gtest.h>

namespace hermes::projections {
namespace {

constexpr eventstore::Partition kPartition = 3;

Share share_of(std::size_t events_max) { return {kPartition, 1, 1'000, events_max}; }

TEST(Suspects, AreHalvedDownToOneEvent) {
  Suspects suspects;
  ASSERT_NE(narrow(suspects, share_of(3), 100, /*alone=*/true), nullptr);
  EXPECT_EQ(suspects.at(kPartition).events_max, 1u);
  EXPECT_EQ(suspects.at(kPartition).until, 103) << "the culprit is before it";
}

TEST(Suspects, OfABatchOfSeveralPartitionsAreFirstTriedAlone) {
  Suspects suspects;
  narrow(suspects, share_of(8), 100, /*alone=*/false);
  EXPECT_EQ(suspects.at(kPartition).events_max, 8u);
}

TEST(Suspects, NameAnEventOnlyWhenItWasAlone) {
  Suspects suspects;
  EXPECT_NE(narrow(suspects, share_of(1), 100, /*alone=*/false), nullptr) << "another partition's may be the culprit";
  EXPECT_EQ(narrow(suspects, share_of(1), 100, /*alone=*/true), nullptr);
}

TEST(Suspects, KeepTheirEndWhileTheyAreHalved) {
  Suspects suspects;
  narrow(suspects, share_of(8), 100, /*alone=*/true);
  narrow(suspects, share_of(4), 104, /*alone=*/true);
  EXPECT_EQ(suspects.at(kPartition).until, 108);
  EXPECT_EQ(suspects.at(kPartition).events_max, 2u);
}

TEST(Suspects, AreTooSlowAfterThreeTriesOfTheSameEvent) {
  Suspect suspect;
  suspect.slow_at = 5;
  suspect.slow_tries = Suspect::kTriesBeforeNamed - 1;
  EXPECT_FALSE(suspect.is_too_slow_at(5));
  suspect.slow_tries = Suspect::kTriesBeforeNamed;
  EXPECT_TRUE(suspect.is_too_slow_at(5));
  EXPECT_FALSE(suspect.is_too_slow_at(6));
}

}  // namespace
}  // namespace hermes::projections
