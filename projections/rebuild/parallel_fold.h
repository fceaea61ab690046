// Folds ranges of the log into the tables of one schema, over several connections at once, in bounded memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "eventstore/log/range_reader.h"
#include "projections/projector/skips.h"
#include "projections/read_models/projection.h"

namespace hermes::projections {

// An event that can't be read or applied, named: the fold has stopped.
class FoldStopped : public std::runtime_error {
 public:
  FoldStopped(const Projection& projection, eventstore::Position position, const std::string& reason);
};

struct FoldRequest {
  const Projection& projection;
  std::vector<eventstore::PartitionRange> ranges;
  Skips skips;
  int partition_count = 0;
  bool bare = false;  // into tables without keys: see Projection::loads_bare_tables()
};

// Adds to `done` as it goes on. Each connection works on partitions, or parts of them, of its own; a failure of one ends all.
// Throws FoldStopped and pqxx's exceptions.
void fold_in_parallel(const FoldRequest& request, std::vector<postgres::ConnectionPtr>& connections,
                      std::atomic<std::uint64_t>& done);

// The same in the transaction that is open on one connection; for what little is left.
void fold_here(const FoldRequest& request, postgres::Connection& connection, pqxx::transaction_base& transaction,
               std::atomic<std::uint64_t>& done);

}  // namespace hermes::projections
