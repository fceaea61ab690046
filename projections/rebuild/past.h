// Where the log ended at some moment of the past. Times are recorded_at, and inclusive: what was recorded at that instant was
// there.
#pragma once

#include <optional>
#include <vector>

#include "eventstore/log/event_log.h"
#include "eventstore/postgres/connection.h"

namespace hermes::projections {

// The end of every partition, indexed by partition: what came before it, and not itself. Both run in the transaction that is
// open, in which the heads of the log stay locked against appends, and throw pqxx's exceptions. Requires: a role that may lock
// them, READ COMMITTED.
std::vector<eventstore::Offset> ends_at(pqxx::transaction_base& transaction, Timestamp time);

// Up to the event at this position, itself included; of the other partitions what was recorded no later than it. Nothing if
// there is no such event.
std::optional<std::vector<eventstore::Offset>> ends_at(pqxx::transaction_base& transaction, eventstore::Position position);

}  // namespace hermes::projections
