#include "adapters/mqtt/subscriptions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hermes::mqtt {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

using Clock = Subscriptions::Clock;
constexpr Clock::time_point kNow = Clock::time_point() + std::chrono::hours(1);
constexpr std::chrono::seconds kTimeout{5};
constexpr std::uint8_t kFirstRefusal = 0x80;

// The packet identifiers of the requests in `out`. They are all of less than 128 bytes.
std::vector<int> ids(std::string_view out) {
  std::vector<int> found;
  for (; !out.empty(); out.remove_prefix(2 + static_cast<unsigned char>(out[1])))
    found.push_back(static_cast<unsigned char>(out[2]) << 8 | static_cast<unsigned char>(out[3]));
  return found;
}

class SubscriptionsTest : public testing::Test {
 protected:
  int ask(const std::string& filter, OutcomePtr outcome = std::make_shared<Outcome>(), Clock::time_point now = kNow) {
    std::string out;
    subscriptions_.ask(out, filter, std::move(outcome), now);
    return out.empty() ? 0 : ids(out).front();
  }
  std::string answer(int id, std::uint8_t reason) {
    return subscriptions_.answered(Suback{.packet_id = static_cast<PacketId>(id), .reason = reason});
  }
  void subscribe(const std::string& filter) {
    subscriptions_.want({.filter = filter});
    answer(ask(filter), 1);
  }
  // How many are asked for again on a new connection.
  std::vector<int> asked_again(bool session_present) {
    std::string out;
    subscriptions_.connected(out, session_present, kNow);
    return ids(out);
  }

  Subscriptions subscriptions_{kTimeout};
};

TEST_F(SubscriptionsTest, AreThereOnceEachIsGranted) {
  EXPECT_FALSE(subscriptions_.granted()) << "none is wanted";
  subscriptions_.want({.filter = "a"});
  subscriptions_.want({.filter = "b"});
  answer(ask("a"), 1);
  EXPECT_FALSE(subscriptions_.granted()) << "of two one";
  answer(ask("b"), 0);
  EXPECT_TRUE(subscriptions_.granted());
}

TEST_F(SubscriptionsTest, AreRefusedFromTheFirstReasonOfARefusalOn) {
  subscriptions_.want({.filter = "a"});
  const auto taken = std::make_shared<Outcome>();
  answer(ask("a", taken), kFirstRefusal - 1);
  EXPECT_EQ(taken->wait(0ms), "");
  EXPECT_TRUE(subscriptions_.granted());
  const auto refused = std::make_shared<Outcome>();
  answer(ask("a", refused), kFirstRefusal);
  EXPECT_NE(refused->wait(0ms), "");
  EXPECT_FALSE(subscriptions_.granted());
}

TEST_F(SubscriptionsTest, ThatTheBrokerKeptInItsSessionAreNotAskedForAgain) {
  subscribe("a");
  EXPECT_THAT(asked_again(/*session_present=*/true), IsEmpty());
  EXPECT_THAT(asked_again(/*session_present=*/false), SizeIs(1));
  EXPECT_FALSE(subscriptions_.granted());
}

TEST_F(SubscriptionsTest, AreAskedForAgainWhereAnyOptionChanges) {
  for (const Subscribe& changed : {Subscribe{.filter = "a", .qos = 0, .no_local = false, .with_retained = false},
                                   Subscribe{.filter = "a", .qos = 1, .no_local = true, .with_retained = false},
                                   Subscribe{.filter = "a", .qos = 1, .no_local = false, .with_retained = true}}) {
    const Subscribe before{.filter = "a", .qos = 1, .no_local = false, .with_retained = false};
    subscriptions_.want(before);
    answer(ask("a"), 1);
    subscriptions_.want(before);
    EXPECT_TRUE(subscriptions_.granted()) << "nothing changed";
    subscriptions_.want(changed);
    EXPECT_FALSE(subscriptions_.granted());
    std::string out;
    subscriptions_.ask(out, "a", std::make_shared<Outcome>(), kNow);
    std::string expected;
    append_subscribe(expected, static_cast<PacketId>(ids(out).front()), changed);
    EXPECT_EQ(out, expected);
  }
}

TEST_F(SubscriptionsTest, WhatIsAskedBesideARenewalWaitsForItsAnswer) {
  subscribe("a");
  const std::vector<int> renewal = asked_again(/*session_present=*/false);
  const auto outcome = std::make_shared<Outcome>();
  EXPECT_EQ(ask("a", outcome), 0) << "it is asked for already";
  EXPECT_FALSE(outcome->wait(0ms));
  answer(renewal.front(), 1);
  EXPECT_EQ(outcome->wait(0ms), "");
}

// It may have been asked for with other options.
TEST_F(SubscriptionsTest, WhatIsAskedBesideAnotherRequestIsARequestOfItsOwn) {
  subscriptions_.want({.filter = "a"});
  const int first = ask("a");
  subscriptions_.want({.filter = "a", .no_local = true});
  const auto outcome = std::make_shared<Outcome>();
  const int second = ask("a", outcome);
  EXPECT_NE(second, 0);
  answer(first, 1);
  EXPECT_FALSE(outcome->wait(0ms));
  answer(second, 1);
  EXPECT_EQ(outcome->wait(0ms), "");
}

TEST_F(SubscriptionsTest, OnlyARenewalThatIsRefusedIsTheConnectionsProblem) {
  subscriptions_.want({.filter = "a"});
  EXPECT_EQ(answer(ask("a"), 0x87), "") << "who asked is told";
  EXPECT_NE(answer(asked_again(/*session_present=*/false).front(), 0x87), "");
}

TEST_F(SubscriptionsTest, UseTheirOwnIdentifiersAgainAndNoneOfAPublish) {
  subscriptions_.want({.filter = "a"});
  const int first = ask("a");
  EXPECT_GT(static_cast<std::size_t>(first), InFlight::kMax);
  int id = first;
  do {
    answer(id, 1);
    id = ask("a");
    ASSERT_GT(static_cast<std::size_t>(id), InFlight::kMax);
  } while (id != first);
}

TEST_F(SubscriptionsTest, AreOverdueWhenTheBrokerIsSilentForSoLong) {
  EXPECT_EQ(subscriptions_.overdue_at(), Clock::time_point::max());
  subscriptions_.want({.filter = "a"});
  const int id = ask("a");
  EXPECT_EQ(subscriptions_.overdue_at(), kNow + kTimeout);
  subscriptions_.heard_messages(kNow + 1s);
  EXPECT_EQ(subscriptions_.overdue_at(), kNow + 1s + kTimeout);
  answer(id, 1);
  EXPECT_EQ(subscriptions_.overdue_at(), Clock::time_point::max());
}

// A broker that has a backlog answers behind it, and may have lost the request.
TEST_F(SubscriptionsTest, AreOverdueInTheEndThoughMessagesComeWithoutEnd) {
  subscriptions_.want({.filter = "a"});
  ask("a");
  subscriptions_.heard_messages(kNow + std::chrono::hours(1));
  const Clock::time_point due = subscriptions_.overdue_at();
  subscriptions_.heard_messages(kNow + std::chrono::hours(2));
  EXPECT_EQ(subscriptions_.overdue_at(), due);
  EXPECT_LT(due, kNow + std::chrono::hours(1));
}

}  // namespace
}  // namespace hermes::mqtt
