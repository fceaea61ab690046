#include "projections/projection.h"

namespace hermes::projections {

CannotApply::CannotApply(eventstore::Position where, const std::string& reason)
    : std::runtime_error("cannot apply the event at " + eventstore::to_string(where) + ": " + reason), position(where) {}

}  // namespace hermes::projections
