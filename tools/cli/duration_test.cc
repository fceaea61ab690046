#include "tools/cli/duration.h"

#include <gtest/gtest.h>

namespace hermes::tools {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, UnderstandsTheUsualUnits) {
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("10"), 10s);
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(ParseDuration, RefusesAnythingElse) {
  for (const char* text : {"", "s", "-1s", "10x", "1 s", "nan", "inf", "1e9999h", "99999999999h"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

}  // namespace
}  // namespace hermes::tools
