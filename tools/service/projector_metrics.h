// A projector's status as Prometheus metrics.
#pragma once

#include <prometheus/collectable.h>

#include <memory>

#include "projections/projector/projector.h"

namespace hermes::tools {

// Requires: `projector` outlives what is returned.
std::shared_ptr<const prometheus::Collectable> projector_metrics(const projections::Projector& projector);

}  // namespace hermes::tools
