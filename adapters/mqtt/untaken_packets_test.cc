#include "adapters/mqtt/untaken_packets.h"

#include <gtest/gtest.h>

namespace hermes::mqtt {
namespace {

TEST(UntakenPackets, AreThoseSinceTheLastAnsweredPing) {
  UntakenPackets untaken;
  untaken.sent(10);
  untaken.pinged();
  untaken.sent(5);
  EXPECT_EQ(untaken.count(), 16u);
  untaken.answered();
  EXPECT_EQ(untaken.count(), 5u);
}

TEST(UntakenPackets, AreAskedForWhenTheyAreManyAndNoPingIsUnderWay) {
  UntakenPackets untaken;
  untaken.sent(UntakenPackets::kPingEvery - 1);
  EXPECT_FALSE(untaken.ping_is_due());
  untaken.sent(1);
  EXPECT_TRUE(untaken.ping_is_due());
  untaken.pinged();
  untaken.sent(UntakenPackets::kPingEvery);
  EXPECT_FALSE(untaken.ping_is_due());
  untaken.answered();
  EXPECT_TRUE(untaken.ping_is_due());
}

TEST(UntakenPackets, AreNotTakenByAnAnswerThatNobodyAskedFor) {
  UntakenPackets untaken;
  untaken.sent(3);
  untaken.answered();
  EXPECT_EQ(untaken.count(), 3u);
}

}  // namespace
}  // namespace hermes::mqtt
