// Tells senders that their messages are in the log: publishes `received_by_server` to the sender's topic, on a thread of its
// own, so that the next batch does not wait for the broker. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapters/ingest/metrics.h"

namespace hermes::ingest {

struct Ack {
  std::string message_id;
  std::string sender;
};

class AckPublisher {
 public:
  // Gives one packet to the broker's connection. It is called from one thread at a time.
  enum class Sent { taken, full, not_connected };
  using Send = std::function<Sent(const std::string& topic, const std::string& payload)>;

  // Requires: `metrics`, and what `send` uses, outlive this.
  AckPublisher(Send send, Metrics& metrics, std::string topic_root, std::size_t queued_max);
  ~AckPublisher();  // publishes what is queued if the broker is there

  // Queues them; waits while the queue is full. An acknowledgement that cannot be published is dropped and counted: its sender
  // will send the message again and be answered then.
  void publish(std::vector<Ack>&& acks);

  bool idle() const;

 private:
  void run();
  void publish_one(const Ack& ack, std::string& topic, std::string& payload);

  const Send send_;
  Metrics& metrics_;
  const std::string topic_root_;
  const std::size_t queued_max_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Ack> queued_;
  bool publishing_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hermes::ingest
