// The outcome of one request to the broker: one thread waits for it, the client's thread sets it. Thread-safe; shared, because
// either thread may give up first.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace hermes::mqtt {

class Outcome {
 public:
  // Only the first call counts. An empty problem is success; `reason` is the broker's reason code (MQTT 5, 2.4).
  void tell(std::string problem, std::uint8_t reason = 0) {
    std::lock_guard lock(mutex_);
    if (told_) return;
    told_ = true;
    reason_ = reason;
    problem_ = std::move(problem);
    changed_.notify_all();
  }

  // Returns an empty text for success, nothing for a timeout.
  std::optional<std::string> wait(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, timeout, [&] { return told_; })) return std::nullopt;
    return problem_;
  }

  std::uint8_t reason() const {
    std::lock_guard lock(mutex_);
    return reason_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool told_ = false;
  std::uint8_t reason_ = 0;
  std::string problem_;
};
using OutcomePtr = std::shared_ptr<Outcome>;  // null: nobody waits

}  // namespace hermes::mqtt
