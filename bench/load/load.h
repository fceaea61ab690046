// A load of chat messages, published at QoS 1 by several senders from one thread. It runs in a process of its own (`hermes
// bench load`), so that what is measured and what measures do not share a scheduler's fate.
//
// With `wait_for_acks` it is also a witness: each sender listens for `received_by_server` and sends a message again, under the
// same id, until it is acknowledged, as docs/wire.md tells senders to. What was acknowledged is written to a file at the end.
// Brokers may come and go meanwhile.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace hermes::load {

struct Settings {
  std::uint16_t port = 1883;
  std::string topic_root = "chat/messages";
  std::string prefix = "load";  // of message ids and senders: runs that share a log need different ones
  int senders = 4;
  double per_second = 0;                              // of all senders; 0: as fast as the broker takes them
  std::uint64_t count = 10'000;                       // stops after so many messages, or
  std::optional<std::chrono::milliseconds> duration;  // after this time, or when `stop` says so
  std::size_t payload_bytes = 250;
  bool wait_for_acks = false;
  std::chrono::milliseconds send_again_after{5000};
  // Messages without acknowledgement; past it the senders wait. Bounds memory, and what a dead ingester leaves at the broker.
  std::size_t unacknowledged_max = 50'000;
  std::chrono::milliseconds give_up_after{120'000};  // without any progress
  std::filesystem::path witness_file;                // the acknowledged ids, one a line; empty: none
};

struct Report {
  std::int64_t started_us = 0;     // the machine's monotonic clock, which all its processes share
  std::uint64_t published = 0;     // different messages
  std::uint64_t taken = 0;         // PUBACKs of the broker
  std::uint64_t acknowledged = 0;  // different messages
  std::uint64_t sent_again = 0;
  std::uint64_t reconnects = 0;
  double publish_seconds = 0;  // from the first publish to the last first publish
  double seconds = 0;          // from the first publish to the last PUBACK or acknowledgement
  double cpu_seconds = 0;
  double ack_ms_p50 = 0;  // publish to acknowledgement
  double ack_ms_p99 = 0;
  double ack_ms_max = 0;
  bool complete = false;  // everything was taken, and with wait_for_acks acknowledged
};

// `stop` is asked often; once true, nothing new is published and what is under way is waited for.
// Throws std::runtime_error when the broker cannot be reached at the start.
Report run(const Settings& settings, const std::function<bool()>& stop);

// The id of message number n (0, 1, ...).
std::string message_id(const std::string& prefix, std::uint64_t number);

}  // namespace hermes::load
