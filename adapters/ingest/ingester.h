// The ingester: joins broker, spool, wire and log.
//
//   broker -> intake: spool -> forwarder: wait for the database, decode, choose the worker by partition -> worker: append,
//   commit -> spool released, sender told
//
// Three parts, each with its own state: intake.h, spool_forwarder.h, and broker_session.h, which sees to the subscription.
//
// What the intake accepted is on disk before the broker hears of it; what is on disk is released after its commit. So a kill
// at any moment loses nothing, and what is done twice is a duplicate to the log. docs/failures.md goes through the failures.
//
// Backpressure: the router reads no further ahead than the workers' queues have room. With the database away the spool grows to
// its limit, or until the disk is full; then the connection to the broker is given up, its session is not, and the broker
// queues.
#pragma once

#include <prometheus/registry.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "adapters/ingest/settings.h"
#include "base/result.h"

namespace hermes::ingest {

struct StartError {
  std::string message;
};

// What an operator asks: is it working, and if not, why.
struct Health {
  bool alive = true;                     // false: it cannot go on and should be started again
  bool ready = false;                    // broker and database reachable, the spool takes messages
  std::string problem;                   // empty when ready
  std::chrono::seconds clock_behind{0};  // by how much the clock is behind the last time of arrival that was given
  std::size_t spool_bytes = 0;
  std::size_t spool_messages = 0;
  std::chrono::seconds spool_age{0};
};

struct Drained {
  bool complete = false;          // everything that was taken is committed
  std::size_t left_in_spool = 0;  // otherwise: the next start goes on with these
};

class Ingester {
 public:
  // Opens the spool and starts; broker and database may come later. `on_fatal` is called at most once, from any thread, when
  // the ingester cannot go on (a database that is not migrated, for example). Requires: `registry` outlives the ingester.
  static Result<std::unique_ptr<Ingester>, StartError> start(Settings settings, prometheus::Registry& registry,
                                                             std::function<void(const std::string&)> on_fatal);
  ~Ingester();  // as drain() with no time

  Health health() const;

  // Call about once a second: goes on reading from the broker when the spool has room again, and brings the gauges up to date.
  void tick();

  // Commits what was taken, tells the senders, leaves the broker (whose session stays), and stops; within
  // settings.drain_timeout. Call it once.
  Drained drain();

 private:
  class Impl;
  explicit Ingester(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::ingest
