// The JSON of the query service (docs/openapi.yaml), which `--json` of the tools prints too.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>

#include "eventstore/timeline.h"

namespace hermes::http {

// A timeline of a broadcast has a step per receipt; a response has at most this many.
inline constexpr std::size_t kTimelineStepsMax = 10'000;

boost::json::object to_json(const eventstore::TimelineStep& step);
boost::json::object to_json(const eventstore::Timeline& timeline, std::size_t steps_max = kTimelineStepsMax);

}  // namespace hermes::http
