#include "base/closest_word.h"

#include <gtest/gtest.h>

#include <vector>

namespace hermes {
namespace {

TEST(Closest, FindsTheWordThatWasMeantAndNoOther) {
  const std::vector<std::string> words = {"status", "tail", "timeline"};
  EXPECT_EQ(closest_word("statsu", words), "status");
  EXPECT_EQ(closest_word("tial", words), "tail");
  EXPECT_EQ(closest_word("rebuild", words), "");
}

}  // namespace
}  // namespace hermes
