// How many packets the broker was sent and has not taken yet. TCP does not tell: what a slow broker leaves unread stands, up to
// megabytes of it, in the buffers of two kernels, acknowledged and all. But a PINGREQ waits for its turn among the packets of
// its connection (MQTT 5, 4.6 and 3.12.4), so that a PINGRESP says: all before it is taken.
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace hermes::mqtt {

class UntakenPackets {
 public:
  void sent(std::size_t packets) { sent_ += packets; }
  void pinged() {
    ++sent_;
    pings_.push_back(sent_);
  }
  // A broker that answers what was not asked takes nothing by it.
  void answered() {
    if (pings_.empty()) return;
    taken_ = pings_.front();
    pings_.pop_front();
  }

  // As of the last PINGRESP: at most so many.
  std::size_t count() const { return static_cast<std::size_t>(sent_ - taken_); }

  // One ping at a time, and so few that they cost nothing.
  static constexpr std::size_t kPingEvery = 64;
  bool ping_is_due() const { return pings_.empty() && count() >= kPingEvery; }

 private:
  std::uint64_t sent_ = 0;
  std::uint64_t taken_ = 0;
  std::deque<std::uint64_t> pings_;  // what was sent up to each that is not answered; two at most, with the keep alive's
};

}  // namespace hermes::mqtt
