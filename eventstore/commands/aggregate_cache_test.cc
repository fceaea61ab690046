#include "eventstore/commands/aggregate_cache.h"

#include <gtest/gtest.h>

namespace hermes::eventstore {
namespace {

CachedAggregate aggregate(Version version) { return {domain::Typing(), version, 0}; }

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

domain::UserId user(const std::string& id) { return *domain::UserId::parse(id); }

CachedAggregate broadcast(int recipients) {
  domain::Message message = *apply(domain::Message(), domain::MessageSent{user("fredy"), "Fredy", user("all"), "hi", "text"});
  for (int i = 0; i < recipients; ++i) {
    message = *apply(std::move(message), domain::MessageDelivered{user("user" + std::to_string(i))});
  }
  return {std::move(message), recipients + 1, 0};
}

TEST(AggregateCache, CountsABroadcastByItsRecipients) {
  AggregateCache cache(100);
  for (int i = 0; i < 90; ++i) cache.put(stream_key("small" + std::to_string(i)), aggregate(i));
  cache.put(stream_key("large"), broadcast(400));
  EXPECT_EQ(cache.size(), 50u);
  EXPECT_LE(cache.weight(), 100u);
  cache.put(stream_key("too large"), broadcast(1000));
  EXPECT_EQ(cache.size(), 50u) << "what exceeds the whole cache is not kept, and drives nothing out";
  EXPECT_TRUE(cache.take(stream_key("large")));
  EXPECT_EQ(cache.weight(), 49u);
}

TEST(AggregateCache, MayHoldNothing) {
  AggregateCache cache(0);
  cache.put(stream_key("a"), aggregate(1));
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace hermes::eventstore
