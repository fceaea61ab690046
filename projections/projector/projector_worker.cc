#include "projections/projector/projector_worker.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/back_off.h"
#include "eventstore/postgres/server_message.h"
#include "projections/projector/worker_session.h"

namespace hermes::projections {
namespace {

constexpr std::chrono::milliseconds kBackOffFirst{100};
// Leaves a database that starts up in peace, and is short enough that an operator need not wait for it.
constexpr std::chrono::milliseconds kBackOffLongest{5'000};

}  // namespace

ProjectorWorker::ProjectorWorker(const Projection& projection, WorkerSettings settings, const StopSignal& stop)
    : projection_(projection), settings_(std::move(settings)), stop_(stop) {
  status_.alive_at = std::chrono::steady_clock::now();
}

ProjectionStatus ProjectorWorker::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void ProjectorWorker::run() {
  BackOff back_off(kBackOffFirst, kBackOffLongest);
  Suspects suspects;
  const auto report = [this](const std::function<void(ProjectionStatus&)>& change) {
    const std::lock_guard lock(mutex_);
    change(status_);
  };
  while (!stop_.requested()) {
    try {
      WorkerSession session(projection_, settings_, stop_, suspects, report);
      session.run([&] { back_off.reset(); });
    } catch (const std::exception& error) {
      // Everything that is not an event's own fault ends the session: connection lost, database starting up, disk full, lock
      // time-out. Nothing was committed, and a new session starts from the checkpoints.
      const auto pause = back_off.next();
      spdlog::error("{}: {} (trying again in {} ms)", projection_.name(), postgres::first_line(error.what()), pause.count());
      report([&](ProjectionStatus& status) {
        status.connected = false;
        status.problem = postgres::first_line(error.what());
        status.partitions.clear();
        ++status.failures;
        status.alive_at = std::chrono::steady_clock::now();
      });
      wait_for(stop_, -1, static_cast<int>(pause.count()));
    }
  }
}

}  // namespace hermes::projections
