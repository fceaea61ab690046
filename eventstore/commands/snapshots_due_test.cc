#include <gtest/gtest.h>

#include "eventstore/commands/snapshots.h"

namespace hermes::eventstore {
namespace {

TEST(Snapshot, IsDueOnceTheStreamHasGrownByItsLeast) {
  EXPECT_FALSE(snapshot_due(kSnapshotAfter - 1, 0));
  EXPECT_TRUE(snapshot_due(kSnapshotAfter, 0));
  EXPECT_FALSE(snapshot_due(2 * kSnapshotAfter - 1, kSnapshotAfter));
  EXPECT_TRUE(snapshot_due(2 * kSnapshotAfter, kSnapshotAfter));
}

TEST(Snapshot, IsDueLessOftenTheLongerTheStreamIs) {
  constexpr Version kLong = 64'000;  // the next one after a thirty-second of it: 2,000
  EXPECT_FALSE(snapshot_due(kLong, kLong - 1'999));
  EXPECT_TRUE(snapshot_due(kLong, kLong - 2'000));
}

TEST(Snapshot, IsBoundToItsStreamAndVersion) {
  const StreamKey one = stream_key("message/m1");
  EXPECT_NE(snapshot_binding(one, 1), snapshot_binding(stream_key("message/m2"), 1));
  EXPECT_NE(snapshot_binding(one, 1), snapshot_binding(one, 2));
  EXPECT_NE(snapshot_binding(one, 1), snapshot_binding(one, 1 << 24));
}

}  // namespace
}  // namespace hermes::eventstore
