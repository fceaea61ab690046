// Verifies everything: the log as a whole, each partition's hash chain, each partition's streams, each projection's tables. The
// checks are independent of one another, so they run side by side, and a run that was interrupted goes on with those that were
// not done.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "eventstore/log/verify_log.h"
#include "projections/read_models/projection.h"

namespace hermes::projections {

struct Check {
  enum class Kind { chain, streams, tables, log } kind;
  eventstore::Partition partition = 0;     // of chain and streams
  const Projection* projection = nullptr;  // of tables

  std::string name() const;  // "chain 3", "streams 3", "tables chat", "log"
};

struct CheckReport {
  std::string check;
  std::int64_t rows = 0;                      // events that it read
  std::vector<eventstore::Finding> findings;  // the first eventstore::kFindingsMax
  std::int64_t findings_total = 0;
  std::vector<eventstore::Finding> notes = {};   // what is in order and must be known; bounded like findings
  std::optional<eventstore::VerifiedHead> head;  // of a chain
};

// All checks: the tables first, for they take longest.
std::vector<Check> all_checks(int partition_count);

struct VerifierSettings {
  int jobs = 2;                                  // checks at a time, each on a connection of its own
  std::vector<eventstore::VerifiedHead> anchor;  // by partition; empty: none
};

class Verifier {
 public:
  using Connect = std::function<postgres::ConnectionPtr()>;
  // Called after each check, one at a time.
  using OnReport = std::function<void(const CheckReport&)>;

  // `connect` is called from several threads.
  Verifier(Connect connect, int partition_count, VerifierSettings settings);

  // Runs the checks. The first exception ends the run, and is thrown when the checks that run beside it are done.
  void run(const std::vector<Check>& checks, const OnReport& on_report);

  // Events read so far, by all checks. From any thread.
  std::int64_t rows() const { return rows_; }

 private:
  CheckReport run_one(postgres::Connection& connection, const Check& check);

  const Connect connect_;
  const int partition_count_;
  const VerifierSettings settings_;
  std::atomic<std::int64_t> rows_{0};
};

}  // namespace hermes::projections
