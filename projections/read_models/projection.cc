#include "projections/read_models/projection.h"

#include <array>

#include "projections/read_models/chat.h"
#include "projections/read_models/inbox.h"
#include "projections/read_models/typing.h"

namespace hermes::projections {

CannotApply::CannotApply(eventstore::Position where, const std::string& why)
    : std::runtime_error("cannot apply the event at " + eventstore::to_string(where) + ": " + why),
      position(where),
      reason(why) {}

std::span<const Projection* const> all_projections() {
  static const ChatProjection chat;
  static const InboxProjection inbox;
  static const TypingProjection typing;
  static const auto all = std::to_array<const Projection*>({&chat, &inbox, &typing});
  return all;
}

const Projection* find_projection(std::string_view name) {
  for (const Projection* projection : all_projections()) {
    if (projection->name() == name) return projection;
  }
  return nullptr;
}

}  // namespace hermes::projections
