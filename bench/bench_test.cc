#include "bench/bench.h"

#include <gmock/gmock.h>

namespace hermes::bench {
namespace {

BenchResult three_pairs() {
  BenchResult result{.name = "example", .unit = "events", .ours_is = "ours", .ceiling_is = "the ceiling"};
  for (const auto& [ceiling, ours] : {std::pair{100.0, 80.0}, {200.0, 120.0}, {100.0, 90.0}}) {
    result.pairs.push_back({{.per_s = ceiling}, {.per_s = ours, .details = {{"lag_ms", ours / 10}}}});
  }
  return result;
}

TEST(Bench, CeilingAndOursTakeTurns) {
  std::string order;
  run_pairs([&] { return order += 'c', Measurement{}; }, [&] { return order += 'o', Measurement{}; }, 3);
  EXPECT_EQ(order, "cococo");
}

TEST(Bench, TheRatioIsTheMedianOfThePairsRatios) {
  const Summary summary = summarize(three_pairs());
  EXPECT_DOUBLE_EQ(summary.ratio, 0.8);
  EXPECT_DOUBLE_EQ(summary.ratio_lowest, 0.6);
  EXPECT_DOUBLE_EQ(summary.ratio_highest, 0.9);
  EXPECT_DOUBLE_EQ(summary.ours_per_s, 90);
  EXPECT_DOUBLE_EQ(summary.ceiling_per_s, 100);
}

TEST(Bench, JsonHoldsEveryFigureAndTheMachine) {
  const boost::json::object object = to_json(three_pairs());
  for (const char* key : {"name", "ours_per_s", "ceiling_per_s", "ratio", "pairs", "machine"})
    EXPECT_TRUE(object.contains(key)) << key;
  EXPECT_EQ(object.at("pairs").as_array().size(), 3u);
  EXPECT_EQ(object.at("pairs").at(1).at("ours").at("lag_ms"), 12.0);
  EXPECT_EQ(object.at("ours_medians").at("lag_ms"), 9.0);
}

TEST(Bench, WithoutACeilingThereIsNoRatio) {
  BenchResult result = three_pairs();
  result.ceiling_is.clear();
  EXPECT_TRUE(to_json(result).at("ratio").is_null());
  EXPECT_THAT(to_text(result), testing::Not(testing::HasSubstr("ratio")));
}

}  // namespace
}  // namespace hermes::bench
