// Runs statements over several connections at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "eventstore/postgres/connection.h"

namespace hermes::projections {

// Statements for several connections; those of a list may run at the same time.
struct ParallelStatements {
  std::vector<std::string> first{};
  std::vector<std::string> after_first{};  // once all of `first` have ended
  std::vector<std::string> any_time{};     // by a connection that the others have nothing for

  std::size_t size() const { return first.size() + after_first.size() + any_time.size(); }
};

// Each as soon as a connection is free for it, in a transaction of its own. A failure of one ends all. Throws pqxx's
// exceptions.
void run_in_parallel(const ParallelStatements& statements, std::vector<postgres::ConnectionPtr>& connections,
                     std::atomic<std::uint64_t>& done);

}  // namespace hermes::projections
