#include "adapters/mqtt/topic.h"

#include <gtest/gtest.h>

namespace hermes::mqtt {
namespace {

TEST(Topic, IsAnyTextThatABrokerTakesWithoutWildcards) {
  for (std::string_view topic : {"chat/messages/Zoë", "/", "$SYS/broker", " "}) EXPECT_FALSE(problem_of_topic(topic)) << topic;
  for (const std::string& topic : {std::string(), std::string("a/+/b"), std::string("a/#"), std::string("a\uFDD0b"),
                                   std::string("a\nb"), std::string("\xff"), std::string(65'536, 'x')}) {
    EXPECT_TRUE(problem_of_topic(topic)) << topic.substr(0, 10);
  }
}

TEST(ShareGroup, IsOneLevelOfATopic) {
  EXPECT_FALSE(problem_of_share_group("hermes"));
  for (std::string_view group : {"", "a/b", "+", "g#", "a\uFFFFb"}) EXPECT_TRUE(problem_of_share_group(group)) << group;
}

}  // namespace
}  // namespace hermes::mqtt
