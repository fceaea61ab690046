#include "bench/bench.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cassert>
#include <cstdio>
#include <iterator>

namespace hermes::bench {
namespace {

double ratio_of(const Pair& pair) { return pair.ceiling.per_s > 0 ? pair.ours.per_s / pair.ceiling.per_s : 0; }

boost::json::object to_json(const Measurement& measurement) {
  boost::json::object object{{"per_s", measurement.per_s}};
  for (const auto& [name, value] : measurement.details) object.emplace(name, value);
  return object;
}

std::string details_to_text(const char* side, const Measurement& measurement) {
  std::string text;
  for (const auto& [name, value] : measurement.details)
    text += std::string(text.empty() ? "" : ", ") + name + " " + rounded(value);
  return text.empty() ? text : std::string("      ") + side + ": " + text + "\n";
}

// The medians of every detail of one side.
boost::json::object medians_of_details(const BenchResult& result, Measurement Pair::*side) {
  std::map<std::string, std::vector<double>> values;
  for (const Pair& pair : result.pairs) {
    for (const auto& [name, value] : (pair.*side).details) values[name].push_back(value);
  }
  boost::json::object medians;
  for (const auto& [name, list] : values) medians.emplace(name, median(list));
  return medians;
}

}  // namespace

std::vector<Pair> run_pairs(const Side& ceiling, const Side& ours, int pairs) {
  assert(pairs >= 1);
  std::vector<Pair> measured;
  for (int i = 1; i <= pairs; ++i) {
    Pair pair;
    if (ceiling) {
      pair.ceiling = ceiling();
      std::fprintf(stderr, "pair %d of %d: ceiling %s/s\n", i, pairs, rounded(pair.ceiling.per_s).c_str());
    }
    pair.ours = ours();
    std::fprintf(stderr, "pair %d of %d: ours %s/s\n", i, pairs, rounded(pair.ours.per_s).c_str());
    measured.push_back(std::move(pair));
  }
  return measured;
}

std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%.3f" : value < 1000 ? "%.1f" : "%.0f", value);
  return text;
}

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

double median(std::vector<double> values) {
  assert(!values.empty());
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Summary summarize(const BenchResult& result) {
  std::vector<double> ours, ceilings, ratios;
  for (const Pair& pair : result.pairs) {
    ours.push_back(pair.ours.per_s);
    ceilings.push_back(pair.ceiling.per_s);
    ratios.push_back(ratio_of(pair));
  }
  const auto [lowest, highest] = std::minmax_element(ratios.begin(), ratios.end());
  return {median(ours), median(ceilings), median(ratios), *lowest, *highest};
}

boost::json::object to_json(const BenchResult& result) {
  const Summary summary = summarize(result);
  boost::json::object object{
      {"name", result.name}, {"unit", result.unit}, {"ours", result.ours_is}, {"ours_per_s", summary.ours_per_s}};
  if (!result.ceiling_is.empty()) {
    object.emplace("ceiling", result.ceiling_is);
    object.emplace("ceiling_per_s", summary.ceiling_per_s);
    object.emplace("ratio", summary.ratio);
    object.emplace("ratio_lowest", summary.ratio_lowest);
    object.emplace("ratio_highest", summary.ratio_highest);
  } else {
    object.emplace("ceiling_per_s", nullptr);
    object.emplace("ratio", nullptr);
  }
  if (result.target_ratio) object.emplace("target_ratio", *result.target_ratio);
  object.emplace("ours_medians", medians_of_details(result, &Pair::ours));
  object.emplace("ceiling_medians", medians_of_details(result, &Pair::ceiling));
  boost::json::array pairs;
  for (const Pair& pair : result.pairs) {
    boost::json::object both{{"ours", to_json(pair.ours)}};
    if (!result.ceiling_is.empty()) {
      both.emplace("ceiling", to_json(pair.ceiling));
      both.emplace("ratio", ratio_of(pair));
    }
    pairs.push_back(std::move(both));
  }
  object.emplace("pairs", std::move(pairs));
  for (const auto& entry : result.more) object.emplace(entry.key(), entry.value());
  object.emplace("machine", describe_machine());
  return object;
}

std::string to_text(const BenchResult& result) {
  const Summary summary = summarize(result);
  const bool with_ceiling = !result.ceiling_is.empty();
  std::string text = result.name + ": " + result.unit + " per second\n  ours     " + result.ours_is + "\n";
  if (with_ceiling) text += "  ceiling  " + result.ceiling_is + "\n";
  char line[160];
  std::snprintf(line, sizeof line, "\n  %-8s%14s%14s%10s\n", "pair", "ours/s", with_ceiling ? "ceiling/s" : "",
                with_ceiling ? "ratio" : "");
  text += line;
  const auto add_row = [&](const std::string& name, double ours, double ceiling, double ratio) {
    std::snprintf(line, sizeof line, "  %-8s%14s%14s%10s\n", name.c_str(), rounded(ours).c_str(),
                  with_ceiling ? rounded(ceiling).c_str() : "", with_ceiling ? rounded(ratio).c_str() : "");
    text += line;
  };
  for (std::size_t i = 0; i < result.pairs.size(); ++i) {
    const Pair& pair = result.pairs[i];
    add_row(std::to_string(i + 1), pair.ours.per_s, pair.ceiling.per_s, ratio_of(pair));
    text += details_to_text("ours", pair.ours) + details_to_text("ceiling", pair.ceiling);
  }
  add_row("median", summary.ours_per_s, summary.ceiling_per_s, summary.ratio);
  if (with_ceiling) {
    text += "\n  ratio " + rounded(summary.ratio) + " (" + rounded(summary.ratio_lowest) + " to " +
            rounded(summary.ratio_highest) + ")";
    if (result.target_ratio) text += ", target " + rounded(*result.target_ratio);
    text += "\n";
  }
  for (const auto& entry : result.more)
    text += "  " + std::string(entry.key()) + ": " + boost::json::serialize(entry.value()) + "\n";
  text += "  machine: " + boost::json::serialize(describe_machine()) + "\n";
  return text;
}

}  // namespace hermes::bench
