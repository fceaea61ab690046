// Brings what is in the spool into the log: waits for the database (reach_database.h), starts the workers, routes each message
// to one of them (router.h), and lets the spool go of what is committed (ledger.h).
//
// Its thread reads the spool; each worker has a thread of its own. Members may be called from any thread, start() and stop()
// from one.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "adapters/ingest/acks.h"
#include "adapters/ingest/append_worker.h"
#include "adapters/ingest/ledger.h"
#include "adapters/ingest/metrics.h"
#include "adapters/ingest/router.h"
#include "adapters/ingest/settings.h"
#include "adapters/spool/spool.h"
#include "base/stop_signal.h"

namespace hermes::ingest {

class SpoolForwarder {
 public:
  // `on_fatal` is called at most once, from any thread, when it cannot go on. Requires: settings, metrics, spool and acks
  // outlive this.
  SpoolForwarder(const Settings& settings, Metrics& metrics, spool::Spool& spool, AckPublisher& acks,
                 std::function<void(const std::string&)> on_fatal);
  ~SpoolForwarder();  // stop(); then workers that still are at a batch abandon it

  void start();
  void wake() { router_.wake(); }  // something was appended to the spool

  // Reads no more. The workers finish what is in their queues if the database takes it, within a second; what they do not
  // finish stays in the spool. May be called again.
  void stop();

  // Every record up to this one is committed; 0: none since the start.
  spool::Sequence released() const { return released_; }
  bool database_reachable() const;  // it was reached, and takes each worker's batches
  std::size_t queued() const;       // messages that wait for a worker

  std::optional<std::string> fatal() const;  // why it cannot go on
  // Why messages wait in postponed_events; empty when none does. They block nobody, but somebody must upgrade this ingester or
  // mend the log.
  std::string postponed() const;

 private:
  void run();
  void start_workers();
  void finished(std::span<const spool::Sequence> sequences);
  void give_up(const std::string& problem);
  void say_postponed(const std::string& why);

  const Settings& settings_;
  Metrics& metrics_;
  spool::Spool& spool_;
  AckPublisher& acks_;
  const std::function<void(const std::string&)> on_fatal_;

  Ledger ledger_;
  Router router_;
  StopSignal stop_;

  std::mutex release_mutex_;
  std::atomic<spool::Sequence> released_ = 0;

  mutable std::mutex mutex_;
  std::optional<std::string> fatal_;
  std::string postponed_;

  std::vector<std::unique_ptr<AppendWorker>> workers_;
  std::atomic<bool> workers_running_ = false;  // from then on workers_ does not change
  std::thread thread_;
};

}  // namespace hermes::ingest
