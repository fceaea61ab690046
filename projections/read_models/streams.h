// What a stream id says (domain/stream_id.h makes them).
#pragma once

#include <string_view>

#include "eventstore/log/event_log.h"

namespace hermes::projections {

// The message_id of an event of a message stream. Throws CannotApply if the event is not of one.
std::string_view message_id_of(const eventstore::RecordedEvent& event);

}  // namespace hermes::projections
