// The read model `inbox`: per user and peer the last message, how many direct messages are unread, and the last activity.
//
//   MessageSent  moves the row of (receiver, sender) and of (sender, receiver); one more unread for the receiver. A broadcast
//   moves
//                (sender, all) only: the log has no list of everyone.
//   MessageRead  one less unread for the recipient of a direct message
//
// The row of two users is fed by all their messages, whichever partitions they are in. So an event adds to a count and raises a
// maximum (of time of arrival, partition, offset), which gives the same row in any order.
#pragma once

#include <chrono>

#include "projections/read_models/projection.h"

namespace hermes::projections {

class InboxProjection : public Projection {
 public:
  // inbox.last_content holds that many characters of the last message.
  static constexpr std::size_t kContentCharacters = 200;

  std::string_view name() const override { return "inbox"; }
  std::span<const std::string_view> tables() const override;
  std::span<const std::string_view> event_types() const override;
  // Each message of a conversation changes the same two rows: what comes in this time changes them once.
  std::chrono::milliseconds rest() const override { return std::chrono::milliseconds(50); }
  void apply(std::span<const eventstore::RecordedEvent> events, Target target) const override;
};

}  // namespace hermes::projections
