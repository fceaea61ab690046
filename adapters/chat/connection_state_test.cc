#include "adapters/chat/connection_state.h"

#include <gmock/gmock.h>

namespace hermes::chat {
namespace {

using namespace std::chrono_literals;
using mqtt::Disconnection;
using ::testing::ElementsAre;

class ConnectionStateTest : public ::testing::Test {
 protected:
  void be_ready() {
    state_.made(true, now_);
    state_.subscribed();
  }
  // How many connections in a row, with this one, were short.
  unsigned lost_after(ConnectionState::Clock::duration time,
                      Disconnection::Cause cause = Disconnection::Cause::connection_lost) {
    now_ += time;
    const auto told = state_.lost({cause, "the broker is gone"}, now_);
    EXPECT_TRUE(told.has_value());
    state_.made(true, now_);
    return told ? told->short_lived : 0;
  }

  ConnectionState state_;
  ConnectionState::Clock::time_point now_ = ConnectionState::Clock::now();
};

TEST_F(ConnectionStateTest, TheFirstConnectionIsToldOnceItsSubscriptionsStand) {
  EXPECT_FALSE(state_.made(false, now_));
  EXPECT_FALSE(state_.ready());
  const ConnectionChanged told = state_.subscribed();
  EXPECT_TRUE(told.connected);
  EXPECT_FALSE(told.session_was_kept);
  EXPECT_TRUE(state_.ready());
}

TEST_F(ConnectionStateTest, ALossBeforeTheSubscriptionsStandIsNotTold) {
  state_.made(true, now_);
  EXPECT_FALSE(state_.lost({Disconnection::Cause::connection_lost, "gone"}, now_));
  EXPECT_EQ(state_.last_problem(), "gone");
}

TEST_F(ConnectionStateTest, LaterConnectionsAreToldAtOnce) {
  be_ready();
  const auto lost = state_.lost({Disconnection::Cause::connection_lost, "gone"}, now_);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->reason, "gone");
  EXPECT_FALSE(state_.ready());
  const auto made = state_.made(false, now_);
  ASSERT_TRUE(made);
  EXPECT_FALSE(made->session_was_kept);
  EXPECT_TRUE(state_.ready());
}

TEST_F(ConnectionStateTest, AProblemIsToldWhenItIsANewOne) {
  std::vector<bool> told;
  for (const char* problem : {"refused", "refused", "no route", "refused"})
    told.push_back(state_.not_made(problem).has_value());
  EXPECT_THAT(told, ElementsAre(true, false, true, true));
}

TEST_F(ConnectionStateTest, ShortConnectionsAreCountedUntilOneLasts) {
  be_ready();
  EXPECT_EQ(lost_after(1s), 1u);
  EXPECT_EQ(lost_after(ConnectionState::kShortLived - 1ms), 2u);
  EXPECT_EQ(lost_after(ConnectionState::kShortLived), 0u);
  EXPECT_EQ(lost_after(1s), 1u);
}

TEST_F(ConnectionStateTest, AConnectionThatThisSideEndedIsNotCounted) {
  be_ready();
  EXPECT_EQ(lost_after(1s), 1u);
  EXPECT_EQ(lost_after(1s, Disconnection::Cause::message_not_taken), 0u);
}

}  // namespace
}  // namespace hermes::chat
