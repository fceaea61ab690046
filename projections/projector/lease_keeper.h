// Renews a worker's leases while a batch keeps its connection busy: a thread with a connection of its own, opened when a batch
// first lasts longer than a third of a lease. Without it a batch that outlasts the lease is taken over, and its session ended,
// by the next projector, which then fares the same.
//
// It renews nothing but the epochs it was given, so a partition that went to another owner stays there (live_batch.h checks it
// again). It stops with its process: a paused one loses its leases.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "eventstore/postgres/connection.h"
#include "projections/projector/leases.h"

namespace hermes::projections {

class LeaseKeeper {
 public:
  // A batch that lasts longer than this is not kept: its owner may hang where no time-out of the database ends it.
  static constexpr std::chrono::seconds kBatchLongest{300};

  // `settings`: those of the worker's own connection.
  LeaseKeeper(postgres::Settings settings, std::string projection, std::string instance, std::chrono::milliseconds lease);
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

  // From construction until it goes out of scope the leases are kept. One at a time.
  class Batch {
   public:
    Batch(LeaseKeeper& keeper, const std::map<eventstore::Partition, Epoch>& owned) : keeper_(keeper) { keeper_.begin(owned); }
    ~Batch() { keeper_.end(); }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

   private:
    LeaseKeeper& keeper_;
  };

 private:
  using Clock = std::chrono::steady_clock;

  void begin(const std::map<eventstore::Partition, Epoch>& owned);
  void end();
  void run();
  void renew();  // requires: mutex_ is held, so that a batch that ends does not meet its own renewal

  const postgres::Settings settings_;
  const std::string projection_;
  const std::string instance_;
  const std::chrono::milliseconds lease_;

  postgres::ConnectionPtr connection_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<eventstore::Partition, Epoch> owned_;
  std::optional<Clock::time_point> began_;  // of the batch that is being kept
  bool over_ = false;
  std::thread thread_;
};

}  // namespace hermes::projections
