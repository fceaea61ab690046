// The intake: what comes from the broker goes to the spool before the broker hears that it was taken. When the spool takes
// nothing more, the broker is not read from, and keeps the messages, until the spool has room again.
//
// take() belongs to the client's thread, read_again() to one other; the rest may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/ingest/metrics.h"
#include "adapters/mqtt/client.h"
#include "adapters/spool/spool.h"
#include "adapters/wire/wire.h"
#include "base/back_off.h"

namespace hermes::ingest {

class Intake {
 public:
  using Clock = std::chrono::steady_clock;

  struct Hooks {
    std::function<void()> appended;                        // the spool has more; by the client's thread
    std::function<void()> pause;                           // stop reading from the broker
    std::function<void()> resume;                          // and go on
    std::function<Clock::time_point()> now = &Clock::now;  // for tests, which do not wait for the back-off
  };

  // Requires: spool and metrics outlive this.
  Intake(spool::Spool& spool, Metrics& metrics, Hooks hooks);

  // What mqtt::Client::MessagesHandler is: how many of them, from the first on, are on disk or ignored. When the spool takes
  // less than all, reading is paused.
  std::size_t take(std::span<const mqtt::Message> messages);

  // Reads again after a refusal, if the spool has room and the back-off has passed. Call about once a second.
  void read_again();

  // The last record that was appended; 0: none yet.
  spool::Sequence appended() const { return appended_; }

  // Why nothing is read from the broker; empty while it is.
  std::string problem() const;

 private:
  bool is_worth_keeping(std::string_view payload);
  void refuse(const spool::AppendError& error);

  spool::Spool& spool_;
  Metrics& metrics_;
  const Hooks hooks_;

  // Of the client's thread.
  std::vector<spool::NewRecord> records_;
  std::vector<std::size_t> places_;  // of these among the messages
  wire::Decoder retained_decoder_;
  spool::Sequence appended_at_refusal_ = 0;
  BackOff back_off_;

  std::atomic<spool::Sequence> appended_ = 0;
  std::atomic<bool> refusing_ = false;
  mutable std::mutex mutex_;
  std::string problem_;
  Clock::time_point read_again_at_;
};

}  // namespace hermes::ingest
