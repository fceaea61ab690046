// The frame of `hermes-bench NAME`: a ceiling and ours, measured in turn in one run, since absolute figures differ from machine
// to machine and from minute to minute while their ratio does not.
//
// A benchmark is one function in one file of this folder, declared in benchmarks.h:
//
//   BenchResult append(const Options& options) {
//     PrivatePostgres postgres(...);                       // tests/servers: gone with the object
//     BenchResult result{.name = "append", .unit = "events", .ours_is = "...", .ceiling_is = "..."};
//     result.pairs = run_pairs(
//         [&] { return Measurement{.per_s = bare_copy(...)}; },
//         [&] { return Measurement{.per_s = our_append(...)}; }, options.pairs);
//     return result;
//   }
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hermes::bench {

// From the command line. A benchmark takes what it knows and leaves the rest.
struct Options {
  int pairs = 3;
  std::optional<double> seconds;       // of each side, where a benchmark runs for a time
  std::optional<std::uint64_t> count;  // of events or messages, where it runs for a number
  std::optional<std::uint64_t> batch;
  std::optional<double> per_second;  // the load, where a benchmark has one of its own making
  bool with_projector = false;
};

// One side, measured once.
struct Measurement {
  double per_s = 0;
  std::map<std::string, double> details{};  // more figures, with their unit in the name: "commit_ms_p99"
};

struct Pair {
  Measurement ceiling;
  Measurement ours;
};

struct BenchResult {
  std::string name;
  std::string unit;        // of per_s: "events", "messages", "decisions"
  std::string ours_is;     // one line: what was run
  std::string ceiling_is;  // likewise; empty when there is no ceiling, then pairs hold `ours` only
  std::optional<double> target_ratio{};
  std::vector<Pair> pairs{};
  boost::json::object more{};  // what fits nowhere else
};

using Side = std::function<Measurement()>;

// Runs ceiling, ours, ceiling, ours, ... and tells each figure on stderr as it comes. An empty `ceiling` is left out.
// Requires: pairs >= 1.
std::vector<Pair> run_pairs(const Side& ceiling, const Side& ours, int pairs);

std::string rounded(double value);  // for people: four digits or so

std::string last_line(std::string text);  // of what a program printed; line ends behind it do not count

double median(std::vector<double> values);                    // Requires: not empty
double percentile(std::vector<double> values, double share);  // 0 of none; share: 0.99 for p99

struct Summary {
  double ours_per_s = 0;
  double ceiling_per_s = 0;
  double ratio = 0;  // the median of the pairs' ratios; 0 without a ceiling
  double ratio_lowest = 0;
  double ratio_highest = 0;
};
Summary summarize(const BenchResult& result);

// name, unit, ours_per_s, ceiling_per_s, ratio (medians), ratio_lowest, ratio_highest, target_ratio, pairs (every figure),
// machine.
boost::json::object to_json(const BenchResult& result);

// For people: every pair, the medians, the spread, the machine.
std::string to_text(const BenchResult& result);

// {"cpu", "cores", "memory_gib", "kernel", "load_before", ...}
boost::json::object describe_machine();

}  // namespace hermes::bench
