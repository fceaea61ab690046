#include "projections/projector/projector.h"

#include <unistd.h>

#include "base/host_name.h"

namespace hermes::projections {

Projector::Projector(std::vector<const Projection*> projections, const WorkerSettings& settings) {
  for (const Projection* projection : projections)
    workers_.push_back(std::make_unique<ProjectorWorker>(*projection, settings, stop_));
  for (const auto& worker : workers_) threads_.emplace_back([&worker] { worker->run(); });
}

Projector::~Projector() {
  request_stop();
  wait();
}

void Projector::wait() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::map<std::string, ProjectionStatus> Projector::status() const {
  std::map<std::string, ProjectionStatus> all;
  for (const auto& worker : workers_) all[std::string(worker->name())] = worker->status();
  return all;
}

std::string default_instance_name() { return host_name() + ":" + std::to_string(getpid()); }

}  // namespace hermes::projections
