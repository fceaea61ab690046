#include <gtest/gtest.h>

#include "tools/service/service.h"

namespace hermes::tools {
namespace {

using namespace std::chrono_literals;

class ServiceStateTest : public ::testing::Test {
 protected:
  const ServiceState::Clock::time_point start_{};
  ServiceState state_{start_};
};

TEST_F(ServiceStateTest, OneThatHasNotBegunIsStarting) {
  EXPECT_EQ(state_.after(false, false, start_), "starting");
  EXPECT_EQ(state_.after(false, false, start_ + ServiceState::kStartingMax - 1ms), "starting");
  EXPECT_EQ(state_.after(true, true, start_ + ServiceState::kStartingMax), "ready");
}

TEST_F(ServiceStateTest, OneThatDoesNotBeginIsDegraded) {
  EXPECT_EQ(state_.after(false, false, start_ + ServiceState::kStartingMax), "degraded");
}

TEST_F(ServiceStateTest, OneThatHasBegunAndHasAProblemIsDegradedAtOnce) {
  EXPECT_EQ(state_.after(true, false, start_), "degraded");
  EXPECT_EQ(state_.after(false, false, start_ + 1ms), "degraded") << "it is no start any more";
}

}  // namespace
}  // namespace hermes::tools
