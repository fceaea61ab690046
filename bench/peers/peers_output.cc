#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>

#include "bench/bench.h"
#include "bench/peers/peers.h"

namespace hermes::bench {
namespace {

// How many times as fast Hermes is, by the medians.
double ratio_of(const SideBySide& measure, const Contender& contender) {
  return median(measure.contenders.front().per_s) / median(contender.per_s);
}

boost::json::object to_json(const SideBySide& measure, const Contender& contender) {
  const auto [lowest, highest] = std::ranges::minmax(contender.per_s);
  return {{"name", contender.name}, {"what", contender.what},   {"per_s", median(contender.per_s)},
          {"per_s_lowest", lowest}, {"per_s_highest", highest}, {"hermes_ratio", ratio_of(measure, contender)}};
}

}  // namespace

boost::json::object to_json(const PeersResult& result) {
  boost::json::array measures;
  for (const SideBySide& measure : result.measures) {
    boost::json::array contenders;
    for (const Contender& contender : measure.contenders) contenders.push_back(to_json(measure, contender));
    measures.push_back({{"measure", measure.measure}, {"unit", measure.unit}, {"contenders", std::move(contenders)}});
  }
  boost::json::object object{
      {"name", "peers"}, {"measures", std::move(measures)}, {"skipped", nullptr}, {"machine", describe_machine()}};
  if (result.skipped) object["skipped"] = *result.skipped;
  return object;
}

std::string to_text(const PeersResult& result) {
  std::string text;
  char line[160];
  for (const SideBySide& measure : result.measures) {
    text += measure.measure + ": " + measure.unit + "\n";
    std::snprintf(line, sizeof line, "  %-20s%12s%26s%16s\n", "", "median", "lowest to highest", "Hermes is");
    text += line;
    for (const Contender& contender : measure.contenders) {
      const auto [lowest, highest] = std::ranges::minmax(contender.per_s);
      const std::string spread = rounded(lowest) + " to " + rounded(highest);
      const std::string ratio = &contender == &measure.contenders.front() ? "" : rounded(ratio_of(measure, contender)) + " x";
      std::snprintf(line, sizeof line, "  %-20s%12s%26s%16s\n", contender.name.c_str(),
                    rounded(median(contender.per_s)).c_str(), spread.c_str(), ratio.c_str());
      text += line;
    }
    for (const Contender& contender : measure.contenders) text += "    " + contender.name + ": " + contender.what + "\n";
  }
  if (result.skipped) text += "The peers were left out: " + *result.skipped + "\n";
  return text + "machine: " + boost::json::serialize(describe_machine()) + "\n";
}

}  // namespace hermes::bench
