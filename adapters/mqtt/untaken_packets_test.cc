#include "adapters/mqtt/untaken_packets.h"

#include <gtest/gtest.h>

namespace hermes::mqtt {
namespace {

constexpr UntakenPackets::Clock::time_point kNow = UntakenPackets::Clock::time_point() + std::chrono::hours(1);

TEST(UntakenPackets, AreThoseSinceTheLastAnsweredPing) {
  UntakenPackets untaken;
  untaken.sent(10);
  untaken.pinged(kNow);
  untaken.sent(5);
  EXPECT_EQ(untaken.count(), 16u);
  untaken.answered(kNow);
  EXPECT_EQ(untaken.count(), 5u);
}

TEST(UntakenPackets, AreAskedForWhenTheyAreManyAndNoPingIsUnderWay) {
  UntakenPackets untaken;
  untaken.sent(UntakenPackets::kPingFrom - 1);
  EXPECT_FALSE(untaken.ping_is_due());
  untaken.sent(1);
  EXPECT_TRUE(untaken.ping_is_due());
  untaken.pinged(kNow);
  untaken.sent(UntakenPackets::kPingFrom);
  EXPECT_FALSE(untaken.ping_is_due());
  untaken.answered(kNow);
  EXPECT_TRUE(untaken.ping_is_due());
}

TEST(UntakenPackets, AreNotTakenByAnAnswerThatNobodyAskedFor) {
  UntakenPackets untaken;
  untaken.sent(3);
  untaken.answered(kNow);
  EXPECT_EQ(untaken.count(), 3u);
}

TEST(UntakenPackets, LeaveRoomForWhatAFastBrokerTakesInARoundTrip) {
  using namespace std::chrono_literals;
  UntakenPackets untaken;
  untaken.sent(6);
  EXPECT_EQ(untaken.room(), UntakenPackets::kWindow - 6);
  untaken.pinged(kNow);
  untaken.answered(kNow + 30ms);
  EXPECT_EQ(untaken.room(), 10 * UntakenPackets::kWindow);
  untaken.pinged(kNow);
  untaken.answered(kNow + 1ms);  // it can be fast: if it is slow, it is behind
  untaken.pinged(kNow);
  untaken.answered(kNow + 90ms);
  EXPECT_EQ(untaken.room(), UntakenPackets::kWindow);
  untaken.sent(2 * UntakenPackets::kWindow);
  EXPECT_EQ(untaken.room(), 0u);
}

}  // namespace
}  // namespace hermes::mqtt
