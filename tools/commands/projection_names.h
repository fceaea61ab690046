// Projections by the names that a user gave.
#pragma once

#include <string>
#include <vector>

#include "projections/read_models/projection.h"

namespace hermes::tools {

// All if there are no names. Throws CommandError(kUsage) for a name that no projection has.
std::vector<const projections::Projection*> projections_named(const std::vector<std::string>& names);

}  // namespace hermes::tools
