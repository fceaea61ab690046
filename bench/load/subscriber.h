// The ceilings of `ingest` and `latency`: a subscriber with the client and the settings of the ingester that does none of its
// work.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace hermes::bench {

struct SubscriberSettings {
  std::uint16_t port = 1883;
  std::string topic_root = "chat/messages";
  std::uint64_t count = 0;  // of messages; then it ends. 0: it goes on until the process is ended
  bool answer = false;      // tells each sender `received_by_server` at once
};

// Calls `subscribed` once it is. Returns the time of the last message by the machine's monotonic clock (microseconds).
// Throws std::runtime_error.
std::int64_t subscribe_and_count(const SubscriberSettings& settings, const std::function<void()>& subscribed);

}  // namespace hermes::bench
