// Checks a read model against the log: folds the log afresh, up to where the projection's checkpoints stand, and compares every
// row. Live traffic goes on meanwhile: everything is read in one snapshot.
#pragma once

#include "eventstore/log/verify_log.h"
#include "projections/read_models/projection.h"

namespace hermes::projections {

// The fresh fold goes into temporary tables, which hide the live ones from the projection and vanish with the transaction.
// Findings name the row by its key and the columns that differ. on_rows counts events. Each skipped event is told as a note;
// one that the projection could fold is a finding, for nothing tells an operator's decision from somebody's who hides it.
//
// Requires: no transaction is open; the role may read the log and the projection's tables and make temporary tables. Memory of
// this process stays the same whatever the size. Throws pqxx's exceptions.
void verify_tables(postgres::Connection& connection, const Projection& projection, int partition_count,
                   const eventstore::OnFinding& on_finding, const eventstore::OnFinding& on_note,
                   const eventstore::OnRows& on_rows);

}  // namespace hermes::projections
