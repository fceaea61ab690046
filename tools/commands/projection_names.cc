#include "tools/commands/projection_names.h"

#include <algorithm>

#include "tools/cli/command_error.h"

namespace hermes::tools {

std::vector<const projections::Projection*> projections_named(const std::vector<std::string>& names) {
  const auto all = projections::all_projections();
  if (names.empty()) return {all.begin(), all.end()};
  std::vector<const projections::Projection*> chosen;
  for (const std::string& name : names) {
    const projections::Projection* projection = projections::find_projection(name);
    if (!projection) {
      std::string known;
      for (const projections::Projection* one : all) known += (known.empty() ? "" : ", ") + std::string(one->name());
      throw CommandError(kUsage, "there is no projection " + escape_for_terminal(name) + "; there are " + known + ".");
    }
    if (std::ranges::find(chosen, projection) == chosen.end()) chosen.push_back(projection);
  }
  return chosen;
}

}  // namespace hermes::tools
