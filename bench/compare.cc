#include "bench/compare.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "bench/bench.h"

namespace hermes::bench {
namespace {

constexpr double kMayBeWrong = 0.05;

// How many values lie outside of the interval on each side: the most for which n coins all show so few heads, or so few tails,
// with a probability of at most kMayBeWrong. Nothing when even none is too likely.
std::optional<std::size_t> left_out_on_each_side(std::size_t n) {
  double term = std::pow(0.5, static_cast<double>(n));  // of exactly k heads
  double at_most = 0;
  std::optional<std::size_t> left_out;
  for (std::size_t k = 0; k < n / 2; ++k) {
    at_most += term;
    if (2 * at_most > kMayBeWrong) break;
    left_out = k;
    term *= static_cast<double>(n - k) / static_cast<double>(k + 1);
  }
  return left_out;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", share * 100);
  return text;
}

std::string_view name_of(Difference::Verdict verdict) {
  switch (verdict) {
    case Difference::Verdict::none: return "none";
    case Difference::Verdict::faster: return "faster";
    case Difference::Verdict::slower: return "slower";
    case Difference::Verdict::too_few_pairs: return "too few pairs";
  }
  return "unknown";
}

double detail_of(const boost::json::object& printed, const std::string& name) {
  const boost::json::object& details = printed.at("ours_medians").as_object();
  if (const boost::json::value* value = details.if_contains(name)) return value->to_number<double>();
  std::string names;
  for (const auto& detail : details) names += (names.empty() ? "" : ", ") + std::string(detail.key());
  throw std::invalid_argument("the benchmark has no " + name + (names.empty() ? "" : "; it has " + names));
}

Run run_of(const boost::json::object& printed, const std::string& detail) {
  Run run{.value = detail.empty() ? printed.at("ours_per_s").to_number<double>() : detail_of(printed, detail)};
  if (const boost::json::value* ceiling = printed.if_contains("ceiling_per_s"); ceiling != nullptr && !ceiling->is_null())
    run.ceiling_per_s = ceiling->to_number<double>();
  return run;
}

bool is_better_when_lower(const std::string& detail) {
  return detail.find("_ms") != std::string::npos || detail.find("_bytes") != std::string::npos;
}

boost::json::object json_of(const Run& run) {
  boost::json::object object{{"value", run.value}};
  if (run.ceiling_per_s) object.emplace("ceiling_per_s", *run.ceiling_per_s);
  return object;
}

std::optional<double> ratio_of_ceilings(const Comparison& comparison) {
  std::vector<double> ratios;
  for (const Comparison::Pair& pair : comparison.pairs) {
    if (pair.before.ceiling_per_s && pair.after.ceiling_per_s && *pair.before.ceiling_per_s > 0)
      ratios.push_back(*pair.after.ceiling_per_s / *pair.before.ceiling_per_s);
  }
  return ratios.empty() ? std::nullopt : std::optional(median(std::move(ratios)));
}

std::string sentence_of(const Difference& difference) {
  const double change = std::abs(difference.ratio - 1);
  const std::string how = percent(change) + (difference.ratio < 1 ? " slower" : " faster");
  if (!difference.interval) {
    return "The new build is " + how + " at the median. That says nothing yet: it takes " + std::to_string(kPairsToTell) +
           " pairs to tell a difference from noise";
  }
  char interval[64];
  std::snprintf(interval, sizeof interval, "speed %.3f to %.3f of the old one, with 95 %% confidence", difference.interval->low,
                difference.interval->high);
  if (difference.verdict == Difference::Verdict::none) return std::string("No difference beyond the noise (") + interval + ")";
  return "The new build is " + how + " (" + interval + ")";
}

}  // namespace

Difference difference_of(std::vector<double> ratios) {
  assert(!ratios.empty());
  std::ranges::sort(ratios);
  Difference difference{.ratio = median(ratios)};
  const std::optional<std::size_t> left_out = left_out_on_each_side(ratios.size());
  if (!left_out) return difference;
  difference.interval = {ratios[*left_out], ratios[ratios.size() - 1 - *left_out]};
  difference.verdict = Difference::Verdict::none;
  if (difference.interval->low > 1) difference.verdict = Difference::Verdict::faster;
  if (difference.interval->high < 1) difference.verdict = Difference::Verdict::slower;
  return difference;
}

Difference Comparison::difference() const {
  std::vector<double> ratios;
  for (const Pair& pair : pairs)
    ratios.push_back(lower_is_better ? pair.before.value / pair.after.value : pair.after.value / pair.before.value);
  return difference_of(std::move(ratios));
}

Comparison compare(const std::string& benchmark, int pairs, const MeasureBuild& before, const MeasureBuild& after,
                   const std::string& detail) {
  Comparison comparison{.benchmark = benchmark, .measure = detail, .lower_is_better = is_better_when_lower(detail)};
  for (int i = 0; i < pairs; ++i) {
    Comparison::Pair pair;
    for (const bool is_old : {i % 2 == 0, i % 2 != 0}) {
      const boost::json::object printed = (is_old ? before : after)(benchmark);
      if (detail.empty()) comparison.measure = std::string(printed.at("unit").as_string()) + " per second";
      (is_old ? pair.before : pair.after) = run_of(printed, detail);
    }
    std::fprintf(stderr, "%s, pair %d of %d: old %s, new %s\n", benchmark.c_str(), i + 1, pairs,
                 rounded(pair.before.value).c_str(), rounded(pair.after.value).c_str());
    comparison.pairs.push_back(pair);
  }
  return comparison;
}

boost::json::object to_json(const Comparison& comparison) {
  const Difference difference = comparison.difference();
  boost::json::array pairs;
  for (const Comparison::Pair& pair : comparison.pairs)
    pairs.push_back({{"old", json_of(pair.before)}, {"new", json_of(pair.after)}});
  boost::json::object object{{"benchmark", comparison.benchmark},
                             {"measure", comparison.measure},
                             {"ratio", difference.ratio},
                             {"interval", nullptr},
                             {"difference", name_of(difference.verdict)},
                             {"ceilings_ratio", nullptr},
                             {"pairs", std::move(pairs)}};
  if (difference.interval) object["interval"] = {difference.interval->low, difference.interval->high};
  if (const auto ratio = ratio_of_ceilings(comparison)) object["ceilings_ratio"] = *ratio;
  return object;
}

std::string to_text(const Comparison& comparison) {
  char line[160];
  std::snprintf(line, sizeof line, "  %-8s%14s%14s%10s\n", "pair", "old", "new", "new/old");
  std::string text = comparison.benchmark + ": " + comparison.measure + "\n" + line;
  for (std::size_t i = 0; i < comparison.pairs.size(); ++i) {
    const Comparison::Pair& pair = comparison.pairs[i];
    std::snprintf(line, sizeof line, "  %-8zu%14s%14s%10.3f\n", i + 1, rounded(pair.before.value).c_str(),
                  rounded(pair.after.value).c_str(), pair.after.value / pair.before.value);
    text += line;
  }
  text += "  " + sentence_of(comparison.difference()) + ".\n";
  if (const auto ratio = ratio_of_ceilings(comparison)) {
    std::snprintf(line, sizeof line,
                  "  The ceiling, which has nothing of ours, was %.3f of what it was beside the old build.\n", *ratio);
    text += line;
  }
  return text;
}

Result<std::vector<std::string>, std::string> bench_command(const std::filesystem::path& path) {
  std::filesystem::path program = path;
  if (std::filesystem::is_directory(path)) {
    program = path / "hermes-bench";
    if (!std::filesystem::exists(program)) program = path / "hermes";
  }
  if (!std::filesystem::exists(program)) {
    return fail(path.string() + (program == path ? " does not exist" : " has neither hermes-bench nor hermes in it") +
                ". Name a hermes-bench, a hermes, or the folder that it is in");
  }
  std::vector<std::string> command{std::filesystem::absolute(program).string()};
  if (program.filename() != "hermes-bench") command.push_back("bench");
  return command;
}

}  // namespace hermes::bench
