// Whether two builds of Hermes differ in speed beyond the noise of this machine. Each pair runs a benchmark once with the old
// build and once with the new one, and gives one ratio, new to old. Whatever slows the machine down for a minute slows both.
//
// The interval is that of the sign test: it holds the median of the ratios with a confidence of at least 95 %, whatever their
// distribution is (W. J. Conover, "Practical Nonparametric Statistics", confidence interval for a quantile).
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace hermes::bench {

// The fewest pairs that can say anything with that confidence.
inline constexpr int kPairsToTell = 6;

struct Difference {
  struct Interval {
    double low = 0;
    double high = 0;
  };
  enum class Verdict { none, faster, slower, too_few_pairs };

  double ratio = 0;                    // of the speeds, new to old: the median; 1.1 is 10 % faster
  std::optional<Interval> interval{};  // of the median; nothing with fewer than kPairsToTell pairs
  Verdict verdict = Verdict::too_few_pairs;
};

// Requires: not empty.
Difference difference_of(std::vector<double> ratios);

// One run of one build.
struct Run {
  double value = 0;
  std::optional<double> ceiling_per_s{};  // of the same run; it should be the same for both builds
};

struct Comparison {
  std::string benchmark;
  std::string measure;  // "events per second", or the name of a detail of the benchmark: "ack_ms_p99"
  bool lower_is_better = false;
  struct Pair {
    Run before;
    Run after;
  };
  std::vector<Pair> pairs{};

  Difference difference() const;  // Requires: at least one pair
};

// How one of the two is measured: the JSON that `hermes-bench NAME --pairs 1 --json` prints.
using MeasureBuild = std::function<boost::json::object(const std::string& benchmark)>;

// Runs both builds in turn, which of them first changing from pair to pair, and tells each pair on stderr. `detail`: what is
// compared instead of the speed: one of ours_medians of the benchmark's JSON. What is counted in milliseconds or bytes is
// better when it is lower. Throws what `before` and `after` throw, and std::invalid_argument, with the names that there are,
// for a detail that the benchmark does not have. Requires: pairs >= 1.
Comparison compare(const std::string& benchmark, int pairs, const MeasureBuild& before, const MeasureBuild& after,
                   const std::string& detail = {});

boost::json::object to_json(const Comparison& comparison);
std::string to_text(const Comparison& comparison);  // a table and a sentence

// The command that runs the benchmarks of a build: `path` is hermes-bench, a hermes (whose `bench` runs them), or the folder
// that they are in. Fails with one line.
Result<std::vector<std::string>, std::string> bench_command(const std::filesystem::path& path);

}  // namespace hermes::bench
