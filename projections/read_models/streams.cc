#include "projections/read_models/streams.h"

#include "projections/read_models/projection.h"

namespace hermes::projections {

std::string_view message_id_of(const eventstore::RecordedEvent& event) {
  static constexpr std::string_view kPrefix = "message/";
  const std::string_view stream = event.stream_id;
  if (!stream.starts_with(kPrefix)) throw CannotApply(event.position, "its stream is not a message: " + event.stream_id);
  return stream.substr(kPrefix.size());
}

}  // namespace hermes::projections
