// A recorded event as JSON, in one form for `tail --json` and everything else that prints the log: the columns under their
// names, the payload's fields under "data".
#pragma once

#include <boost/json/object.hpp>

#include "eventstore/log/event_log.h"

namespace hermes::tools {

boost::json::object to_json(const eventstore::RecordedEvent& event);

// The payload alone: {"sender": "fredy", "content": "Hello", ...}, the names of proto/hermes/v1/events.proto.
boost::json::object to_json(const domain::Event& event);

}  // namespace hermes::tools
