// The JSON of the query service (docs/openapi.yaml). The tools print the same with `--json`.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>

#include "eventstore/log/timeline.h"
#include "projections/queries/queries.h"

namespace hermes::http {

// A timeline of a broadcast has a step per receipt; a response has at most this many.
inline constexpr std::size_t kTimelineStepsMax = 10'000;

boost::json::object to_json(const eventstore::TimelineStep& step);
boost::json::object to_json(const eventstore::Timeline& timeline, std::size_t steps_max = kTimelineStepsMax);

boost::json::object to_json(const projections::MessageStatus& status);
boost::json::object to_json(const projections::MessageEntry& message);
boost::json::object to_json(const projections::ReceiptOf& receipt);
boost::json::object to_json(const projections::Conversation& conversation);
boost::json::object to_json(const projections::User& user);

}  // namespace hermes::http
