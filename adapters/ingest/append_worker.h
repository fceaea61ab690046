// A worker: takes batches from its queue, has them appended, and tells what became of them. It stays with a batch until the
// database has answered for every message of it, whatever fails in between (docs/failures.md):
//   connection lost       connect again with back-off; find out whether an unanswered COMMIT took effect; the same batch again
//   out of disk, read-only, too many connections, ...       wait, the same batch again
//   refused for its data  halve the batch until the one message is found; that one goes to rejected_events
//   a stream cannot be read                                 its messages go to postponed_events and are tried again later
//
// One thread, one connection, one command handler. Members may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "adapters/ingest/acks.h"
#include "adapters/ingest/batch_queue.h"
#include "adapters/ingest/metrics.h"
#include "adapters/ingest/pieces.h"
#include "adapters/ingest/settings.h"
#include "adapters/wire/wire.h"
#include "base/back_off.h"
#include "base/result.h"
#include "eventstore/commands/command_handler.h"
#include "eventstore/commands/postponed_messages.h"

namespace hermes::ingest {

class AppendWorker {
 public:
  struct Hooks {
    std::function<void(std::span<const spool::Sequence>)> finished;  // committed: the spool may let go of them
    std::function<void(const std::string&)> fatal;                   // the worker cannot go on
    std::function<void(const std::string&)> postponed;  // messages wait in postponed_events, and why; empty: none does
  };

  // Requires: settings, metrics and acks outlive this. `expires_parked`: one worker of an ingester does it for all.
  AppendWorker(const Settings& settings, Metrics& metrics, AckPublisher& acks, Hooks hooks, bool expires_parked);
  ~AppendWorker();  // abandons what is under way

  // Waits while the queue is full; false once the worker is being stopped.
  bool push(eventstore::Incoming&& incoming);

  // Ends the thread: after what is queued (close), or as soon as possible (abandon). What is not finished stays in the spool.
  void close() { queue_.close(); }
  void abandon();
  bool ended() const { return ended_; }

  bool database_reachable() const { return reachable_; }
  std::size_t queued() const { return queue_.size(); }

 private:
  void run();
  bool start();
  using OnHandled = std::function<void(std::span<eventstore::Incoming>, std::span<const eventstore::Handled>)>;
  bool process(std::span<eventstore::Incoming> batch, const OnHandled& handled);
  bool take_apart(Pieces<eventstore::Incoming>& pieces, const std::string& detail);
  // The worker was abandoned while it waited.
  struct Abandoned {};
  // The outcomes of a batch whose COMMIT had taken effect; nothing: the same batch is to be tried again.
  using Settled = Result<std::optional<std::vector<eventstore::Handled>>, Abandoned>;
  Settled overcome(const eventstore::HandleError& error);
  Settled settle(const std::string& reason);
  bool retry_postponed();
  bool handle_again(std::span<const eventstore::PostponedMessage> page, wire::Decoder& decoder);
  void count_and_acknowledge(std::span<eventstore::Incoming> batch, std::span<const eventstore::Handled> outcomes);
  void report(std::span<eventstore::Incoming> batch, std::span<const eventstore::Handled> outcomes);
  void expire_parked();
  void answered();  // the database did
  // These wait, and return false (or nothing) when the worker was abandoned meanwhile.
  bool pause(const std::string& reason);
  postgres::ConnectionPtr reconnect(const std::string& reason);

  const Settings& settings_;
  Metrics& metrics_;
  AckPublisher& acks_;
  const Hooks hooks_;
  const bool expires_parked_;

  BatchQueue<eventstore::Incoming> queue_;
  postgres::ConnectionPtr connection_;
  std::unique_ptr<eventstore::CommandHandler> handler_;
  std::chrono::steady_clock::time_point next_parking_check_;

  std::optional<eventstore::PostponedAfter> postponed_after_;  // where the next look at postponed_events goes on
  bool some_still_wait_ = false;                               // of those that were looked at since it began

  BackOff back_off_;  // between attempts at one batch

  std::mutex abandon_mutex_;
  std::condition_variable abandon_changed_;
  bool abandoned_ = false;
  std::atomic<bool> reachable_ = false;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace hermes::ingest
