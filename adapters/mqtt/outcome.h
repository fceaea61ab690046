// The outcome of one request to paho, waited for by one thread and told by paho's; and what paho's codes mean.
#pragma once

#include <MQTTAsync.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace hermes::mqtt {

// Shared, for either thread may give up first. Thread-safe.
class Outcome {
 public:
  // The first time counts. An empty problem is success.
  void tell(std::string problem, int reason_code = 0);
  // Empty text is success, nothing a timeout.
  std::optional<std::string> wait(std::chrono::milliseconds timeout);
  // Of a SUBACK: the QoS granted. Requires: wait() returned success.
  int reason_code();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool told_ = false;
  int reason_code_ = 0;
  std::string problem_;
};

// Response options whose callbacks tell `outcome`. paho calls one of the two exactly once, also when a client is destroyed. If
// it does not accept the request it calls none: forget() them then.
MQTTAsync_responseOptions telling(const std::shared_ptr<Outcome>& outcome);
void forget(const MQTTAsync_responseOptions& options);

// Whether the broker answered, and said no to who asked.
bool is_refusal(const MQTTAsync_failureData5* data);
std::string describe(const MQTTAsync_failureData5* data);
std::string describe(int code);

}  // namespace hermes::mqtt
