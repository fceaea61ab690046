// The read model `chat`: chat_messages, one row per message, and message_status, one row per thing that happened to it. Their
// rows are only ever inserted. What becomes of an event:
//
//   MessageSent       a row of chat_messages and the status `sent` (user_id: the sender)
//   MessageReceived   the status `received_by_server` (user_id: server)
//   MessageDelivered  the status `delivered` (user_id: the recipient)
//   MessageRead       the status `read` (user_id: the recipient)
//
// And broadcast_receipts, one row per broadcast with a receipt: how many there are, and the furthest one
// (broadcast_receipts.h).
#pragma once

#include <cstdint>

#include "eventstore/postgres/binary_copy.h"
#include "projections/read_models/projection.h"

namespace hermes::projections {

// chat_messages.id: the UUID version 5 (RFC 9562, 5.5) of the message_id in the namespace
// 6f0d2a52-1c4e-5b8e-9d64-8e1f2b7c3a90, so that a message has the same id in every rebuild.
postgres::Uuid chat_message_id(std::string_view message_id);

// message_status.id: of an event of the log, the same in every rebuild.
std::int64_t message_status_id(eventstore::Position position, int partition_count);

class ChatProjection : public Projection {
 public:
  std::string_view name() const override { return "chat"; }
  std::span<const std::string_view> tables() const override;
  std::span<const std::string_view> event_types() const override;
  bool loads_bare_tables() const override { return true; }
  std::string_view complete_bare_tables() const override;
  void apply(std::span<const eventstore::RecordedEvent> events, Target target) const override;
};

}  // namespace hermes::projections
