#include "adapters/wire/tolerated_json.h"

#include <gtest/gtest.h>

namespace hermes::wire {
namespace {

using namespace std::string_view_literals;

TEST(WithoutWrapping, TakesAwayAByteOrderMarkAndTrailingNuls) {
  EXPECT_EQ(without_wrapping("{}"), "{}");
  EXPECT_EQ(without_wrapping("\xef\xbb\xbf{}"), "{}");
  EXPECT_EQ(without_wrapping("\xef\xbb\xbf\xef\xbb\xbf{}"), "\xef\xbb\xbf{}") << "one";
  EXPECT_EQ(without_wrapping("{}\0\0"sv), "{}");
  EXPECT_EQ(without_wrapping("\0{}\0"sv), "\0{}"sv);
  EXPECT_EQ(without_wrapping("\0\0"sv), "");
  EXPECT_EQ(without_wrapping(""), "");
}

TEST(MendJson, LeavesWhatNeedsNothing) {
  for (std::string_view json : {"", "{}", R"({"a":"\ud83d\ude00"})", R"({"a":"\\ud83d"})", R"({"a":1.5e300})",
                                R"({"a":"1e99999999"})", R"({"a":"\")", R"("\u12)", "\"\\"}) {
    EXPECT_EQ(mend_json(json).json, json);
  }
}

TEST(MendJson, MovesNothing) {
  EXPECT_EQ(mend_json(R"({"a":"\ud83d","b":1e99999,"c":"\uDE00x"})").json, R"({"a":"\ufffd","b":1e00000,"c":"\ufffdx"})");
  EXPECT_EQ(mend_json(R"(["\ud83d\ud83d\ude00"])").json, R"(["\ufffd\ud83d\ude00"])");
  EXPECT_EQ(mend_json("[1E-12345,2e+12345]").json, "[1E-00000,2e+00000]");
}

}  // namespace
}  // namespace hermes::wire
