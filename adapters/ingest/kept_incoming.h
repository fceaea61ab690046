// A message that is kept in the database, on its way to the command handler again.
#pragma once

#include <utility>

#include "adapters/wire/wire.h"
#include "eventstore/commands/command_handler.h"

namespace hermes::ingest {

inline eventstore::Incoming incoming_of_kept(wire::Decoder& decoder, eventstore::RawMessage raw, std::uint64_t sequence) {
  auto decoded = decoder.decode(raw.payload);
  eventstore::Incoming incoming{
      .content = domain::Rejection{}, .occurred_at = std::nullopt, .raw = std::move(raw), .sequence = sequence};
  if (decoded) {
    incoming.content = std::move(decoded->command);
    incoming.occurred_at = decoded->occurred_at;
  } else {
    incoming.content = std::move(decoded.error());
  }
  return incoming;
}

}  // namespace hermes::ingest
