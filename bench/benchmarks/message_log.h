// Fills a log with messages that were sent, received, delivered and read: four events each, by the append protocol itself, so
// that the log is one that `hermes verify` finds nothing in.
#pragma once

#include <cstdint>

#include "eventstore/postgres/connection.h"

namespace hermes::bench {

inline constexpr std::uint64_t kEventsPerMessage = 4;

// Appends `messages` with the ids that follow those of the last call in this process, in large batches: all events of a message
// lie in one. Returns events per second. Requires: a migrated database, a role that may append.
double append_messages(postgres::Connection& connection, std::uint64_t messages);

}  // namespace hermes::bench
