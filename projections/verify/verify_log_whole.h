// Checks the log as a whole: what no partition's own check can see. What the rest of the database knows of the log must be in
// it, no row may stand outside the partitions, and what guards the log must be there (eventstore/log/log_guards.h).
#pragma once

#include <pqxx/pqxx>

#include "eventstore/log/verify_log.h"

namespace hermes::projections {

// Requires: a REPEATABLE READ transaction, so that heads and what is compared with them are of one moment.
void verify_log_whole(pqxx::transaction_base& transaction, const eventstore::OnFinding& on_finding);

}  // namespace hermes::projections
