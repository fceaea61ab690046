// Messages that wait because their stream cannot be read (migrations/0050, docs/schema-evolution.md): a newer Hermes has
// written one of its events, or an event is damaged. The command handler puts them into postponed_events; an ingester hands
// them to it again now and then.
//
// Both functions run in a transaction of their own (requires: none is open) and throw like AppendTransaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eventstore/commands/command_handler.h"
#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

struct PostponedMessage {
  std::string key;  // stream_key and payload_sha256, as a row in SQL
  RawMessage raw;
  std::uint64_t sequence = 0;
};

// Where reading goes on.
struct PostponedAfter {
  Timestamp received_at;
  std::uint64_t sequence = 0;
};

// The next after `after`, in the order of their arrival; nothing: from the first on.
std::vector<PostponedMessage> read_postponed(postgres::Connection& connection, const std::optional<PostponedAfter>& after,
                                             std::size_t limit);

// Removes messages that were handled.
void remove_postponed(postgres::Connection& connection, std::span<const PostponedMessage* const> messages);

}  // namespace hermes::eventstore
