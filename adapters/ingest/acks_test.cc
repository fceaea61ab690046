#include "adapters/ingest/acks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <latch>
#include <thread>

#include "tests/support/eventually.h"

namespace hermes::ingest {
namespace {

using test_support::eventually;
using testing::ElementsAre;
using Sent = AckPublisher::Sent;

class AckPublisherTest : public testing::Test {
 protected:
  std::vector<std::string> topics() {
    std::lock_guard lock(mutex_);
    return topics_;
  }
  Sent take(const std::string& topic) {
    std::lock_guard lock(mutex_);
    topics_.push_back(topic);
    return Sent::taken;
  }

  std::mutex mutex_;
  std::vector<std::string> topics_;
  prometheus::Registry registry_;
  Metrics metrics_{registry_};
};

// Of a thread of this process: whether it sleeps in the kernel.
bool sleeps(pid_t thread) {
  std::ifstream stat("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string line;
  std::getline(stat, line);
  return line.find(") S ") != std::string::npos;
}

// With QoS 1 it would be sent again on each connection, and the broker would end each of them.
TEST_F(AckPublisherTest, SendsNothingToASenderWhomABrokerRefusesAsATopic) {
  AckPublisher acks([&](const std::string& topic, const std::string&) { return take(topic); }, metrics_, "chat/messages", 10);
  acks.publish({{"m1", "a\uFDD0b"}, {"m2", "fredy"}});
  ASSERT_TRUE(eventually([&] { return acks.idle(); }));
  EXPECT_THAT(topics(), ElementsAre("chat/messages/fredy"));
  EXPECT_EQ(metrics_.acks_dropped.Value(), 1);
  EXPECT_EQ(metrics_.acks_published.Value(), 1);
}

TEST_F(AckPublisherTest, SendsAgainWhatAFullConnectionDidNotTake) {
  std::atomic<int> asked = 0;
  AckPublisher acks([&](const std::string& topic, const std::string&) { return ++asked < 3 ? Sent::full : take(topic); },
                    metrics_, "t", 10);
  acks.publish({{"m1", "fredy"}, {"m2", "anna"}});
  ASSERT_TRUE(eventually([&] { return acks.idle(); }));
  EXPECT_THAT(topics(), ElementsAre("t/fredy", "t/anna"));
  EXPECT_EQ(metrics_.acks_dropped.Value(), 0);
}

// Their senders ask again once the connection is back.
TEST_F(AckPublisherTest, DropsWithoutAConnectionAtOnce) {
  std::atomic<int> asked = 0;
  AckPublisher acks(
      [&](const std::string&, const std::string&) {
        ++asked;
        return Sent::not_connected;
      },
      metrics_, "t", 10);
  acks.publish({{"m1", "fredy"}});
  ASSERT_TRUE(eventually([&] { return acks.idle(); }));
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(metrics_.acks_dropped.Value(), 1);
}

// A worker that commits faster than the broker reads waits, so that memory has a limit.
TEST_F(AckPublisherTest, HoldsUpWhoPublishesWhileTheQueueIsAtItsLimit) {
  std::latch sending(1);
  std::latch go_on(1);
  std::atomic<int> asked = 0;
  AckPublisher acks(
      [&](const std::string& topic, const std::string&) {
        if (++asked == 1) {
          sending.count_down();
          go_on.wait();
        }
        return take(topic);
      },
      metrics_, "t", 2);
  acks.publish({{"m1", "first"}});
  sending.wait();
  acks.publish({{"m2", "second"}});  // one is queued: there is room for another
  acks.publish({{"m3", "third"}});
  std::atomic<pid_t> waiter = 0;
  std::atomic<bool> returned = false;
  std::thread worker([&] {
    waiter = gettid();
    acks.publish({{"m4", "fourth"}});
    returned = true;
  });
  EXPECT_TRUE(eventually([&] { return returned || (waiter != 0 && sleeps(waiter)); }));
  EXPECT_FALSE(returned);
  EXPECT_FALSE(acks.idle());
  go_on.count_down();
  worker.join();
  ASSERT_TRUE(eventually([&] { return acks.idle(); }));
  EXPECT_THAT(topics(), ElementsAre("t/first", "t/second", "t/third", "t/fourth"));
}

TEST_F(AckPublisherTest, SendsWhatIsQueuedBeforeItEnds) {
  {
    AckPublisher acks([&](const std::string& topic, const std::string&) { return take(topic); }, metrics_, "t", 10);
    acks.publish({{"m1", "fredy"}, {"m2", "anna"}});
  }
  EXPECT_THAT(topics(), ElementsAre("t/fredy", "t/anna"));
}

}  // namespace
}  // namespace hermes::ingest
