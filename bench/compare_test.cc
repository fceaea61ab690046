#include "bench/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>

#include "tests/servers/temporary_folder.h"

namespace hermes::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Verdict = Difference::Verdict;

boost::json::object printed(double per_s) {
  return {{"unit", "events"},
          {"ours_per_s", per_s},
          {"ceiling_per_s", 100.0},
          {"ours_medians", boost::json::object{{"ack_ms_p99", per_s / 10}}}};
}

// Binomial tables: of six coins all show the same side in 2 of 64 cases, of five in 2 of 32.
TEST(Compare, FiveRatiosSayNothingAndSixDo) {
  const Difference five = difference_of({0.5, 0.5, 0.5, 0.5, 0.5});
  EXPECT_EQ(five.verdict, Verdict::too_few_pairs);
  EXPECT_FALSE(five.interval);
  EXPECT_EQ(difference_of({0.5, 0.5, 0.5, 0.5, 0.5, 0.5}).verdict, Verdict::slower);
  EXPECT_EQ(difference_of({1.5, 1.5, 1.5, 1.5, 1.5, 1.5}).verdict, Verdict::faster);
}

// Of nine coins at most one shows heads, or at most one tails, in 20 of 512 cases (3.9 %); at most two in 92 (18 %).
TEST(Compare, OfNineRatiosTheLowestAndTheHighestAreLeftOut) {
  const Difference nine = difference_of({1.09, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07, 1.08, 0.9});
  ASSERT_TRUE(nine.interval);
  EXPECT_DOUBLE_EQ(nine.interval->low, 1.02);
  EXPECT_DOUBLE_EQ(nine.interval->high, 1.08);
  EXPECT_DOUBLE_EQ(nine.ratio, 1.05);
  EXPECT_EQ(nine.verdict, Verdict::faster);
}

TEST(Compare, ADifferenceThatTwoOfNinePairsDenyIsNone) {
  EXPECT_EQ(difference_of({0.99, 0.98, 1.03, 1.04, 1.05, 1.06, 1.07, 1.08, 1.09}).verdict, Verdict::none);
  EXPECT_EQ(difference_of({0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 1, 1.1}).verdict, Verdict::none);
}

TEST(Compare, WhichRunsFirstChangesFromPairToPair) {
  std::string order;
  const Comparison comparison = compare(
      "append", 3, [&](const std::string&) { return order += 'o', printed(100); },
      [&](const std::string&) { return order += 'n', printed(110); });
  EXPECT_EQ(order, "onnoon");
  for (const Comparison::Pair& pair : comparison.pairs) {
    EXPECT_DOUBLE_EQ(pair.before.value, 100);
    EXPECT_DOUBLE_EQ(pair.after.value, 110);
  }
  EXPECT_DOUBLE_EQ(comparison.difference().ratio, 1.1);
}

TEST(Compare, OfMillisecondsFewerAreFaster) {
  const auto compared = [](const std::string& detail) {
    return compare(
        "latency", 6, [](const std::string&) { return printed(100); }, [](const std::string&) { return printed(50); }, detail);
  };
  EXPECT_EQ(compared("ack_ms_p99").difference().verdict, Verdict::faster);
  EXPECT_DOUBLE_EQ(compared("ack_ms_p99").difference().ratio, 2);
  EXPECT_EQ(compared("").difference().verdict, Verdict::slower);
  EXPECT_THROW(compared("ack_p99"), std::invalid_argument);
}

TEST(Compare, TheTextSaysHowMuchAndHowSure) {
  const auto compared = [](double after, int pairs) {
    return to_text(compare(
        "append", pairs, [](const std::string&) { return printed(100); }, [&](const std::string&) { return printed(after); }));
  };
  EXPECT_THAT(compared(90, 6),
              HasSubstr("The new build is 10.0 % slower (speed 0.900 to 0.900 of the old one, with 95 % confidence)."));
  EXPECT_THAT(compared(100, 6), HasSubstr("No difference beyond the noise"));
  EXPECT_THAT(compared(90, 2), HasSubstr("10.0 % slower at the median. That says nothing yet: it takes 6 pairs"));
}

TEST(Compare, TheJsonHoldsEveryRun) {
  const boost::json::object json = to_json(compare(
      "append", 6, [](const std::string&) { return printed(100); }, [](const std::string&) { return printed(50); }));
  EXPECT_EQ(json.at("difference"), "slower");
  EXPECT_EQ(json.at("ratio"), 0.5);
  EXPECT_EQ(json.at("ceilings_ratio"), 1.0);
  EXPECT_EQ(json.at("pairs").as_array().size(), 6u);
  EXPECT_EQ(json.at("pairs").at(0).at("new").at("value"), 50.0);
}

TEST(Compare, ABuildIsAProgramOrTheFolderThatItIsIn) {
  const private_servers::TemporaryFolder folder;
  const auto touch = [&](const std::string& name) { std::ofstream(folder / name) << "x"; };
  EXPECT_THAT(bench_command(folder.path()).error(), HasSubstr("neither hermes-bench nor hermes"));
  EXPECT_THAT(bench_command(folder / "gone").error(), HasSubstr("does not exist"));
  touch("hermes");
  EXPECT_THAT(*bench_command(folder.path()), ElementsAre((folder / "hermes").string(), "bench"));
  EXPECT_THAT(*bench_command(folder / "hermes"), ElementsAre((folder / "hermes").string(), "bench"));
  touch("hermes-bench");
  EXPECT_THAT(*bench_command(folder.path()), ElementsAre((folder / "hermes-bench").string()));
}

}  // namespace
}  // namespace hermes::bench
