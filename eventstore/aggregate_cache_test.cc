#include "eventstore/aggregate_cache.h"

#include <gtest/gtest.h>

namespace hermes::eventstore {
namespace {

CachedAggregate aggregate(Version version) { return {domain::Typing::idle, version, 0}; }

TEST(AggregateCache, GivesBackWhatWasPut) {
  AggregateCache cache(10);
  cache.put(stream_key("a"), aggregate(7));
  auto taken = cache.take(stream_key("a"));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->next_version, 7);
  EXPECT_FALSE(cache.take(stream_key("a"))) << "taken means gone";
}

TEST(AggregateCache, ForgetsTheLeastRecentlyUsed) {
  AggregateCache cache(2);
  cache.put(stream_key("a"), aggregate(1));
  cache.put(stream_key("b"), aggregate(2));
  cache.put(stream_key("a"), aggregate(3));
  cache.put(stream_key("c"), aggregate(4));
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_FALSE(cache.take(stream_key("b")));
  EXPECT_EQ(cache.take(stream_key("a"))->next_version, 3);
  EXPECT_EQ(cache.take(stream_key("c"))->next_version, 4);
}

TEST(AggregateCache, MayHoldNothing) {
  AggregateCache cache(0);
  cache.put(stream_key("a"), aggregate(1));
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace hermes::eventstore
