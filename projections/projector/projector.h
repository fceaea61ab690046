// The projector: runs projections, each by a worker (projector_worker.h) in a thread of its own, so that one that is slow,
// stuck or broken holds up no other. Any number of processes may run the same projections: they share the partitions by leases
// (leases.h).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "projections/projector/projector_worker.h"

namespace hermes::projections {

class Projector {
 public:
  // Starts the workers. Requires: a migrated database (eventstore::check_migrated).
  Projector(std::vector<const Projection*> projections, const WorkerSettings& settings);
  ~Projector();  // request_stop() and wait()
  Projector(const Projector&) = delete;
  Projector& operator=(const Projector&) = delete;

  void request_stop() noexcept { stop_.request(); }
  void wait();  // until all workers have finished their batch and released their leases

  std::map<std::string, ProjectionStatus> status() const;  // by projection; any thread

 private:
  StopSignal stop_;
  std::vector<std::unique_ptr<ProjectorWorker>> workers_;
  std::vector<std::thread> threads_;
};

// The name of this process among projectors: host and process id.
std::string default_instance_name();

}  // namespace hermes::projections
