// Counts the packets that were sent to the broker and that it has not taken yet. TCP does not tell: packets that a slow broker
// leaves unread, up to megabytes, stay in the buffers of two kernels, although TCP has acknowledged them. But a PINGREQ waits
// for its turn among the packets of its connection (MQTT 5, 4.6 and 3.12.4), so a PINGRESP says that everything before it was
// taken.
//
// Not thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace hermes::mqtt {

class UntakenPackets {
 public:
  using Clock = std::chrono::steady_clock;

  void sent(std::size_t packets) { sent_ += packets; }
  void pinged(Clock::time_point now) {
    ++sent_;
    pings_.push_back({sent_, now});
  }
  // An unexpected PINGRESP is ignored.
  void answered(Clock::time_point now) {
    if (pings_.empty()) return;
    taken_ = pings_.front().sent;
    round_trip_min_ = std::min(round_trip_min_, now - pings_.front().at);
    pings_.pop_front();
  }

  // The most that can be untaken, as of the last PINGRESP.
  std::size_t count() const { return static_cast<std::size_t>(sent_ - taken_); }

  // One ping at a time, and none for a few packets, so that pings cost nothing.
  static constexpr std::size_t kPingFrom = 64;
  bool ping_is_due() const { return pings_.empty() && count() >= kPingFrom; }

  // How many more packets may be sent without making the next one wait. We learn what the broker has taken a round trip late,
  // so the limit is what a fast broker takes in its shortest round trip: kWindow packets for each kWindowTime.
  static constexpr std::size_t kWindow = 256;
  static constexpr std::chrono::milliseconds kWindowTime{3};
  static constexpr std::size_t kWindowMax = 65'536;
  std::size_t room() const {
    const bool measured = round_trip_min_ != Clock::duration::max();
    const auto times = measured ? static_cast<std::size_t>(round_trip_min_ / kWindowTime) : 0;
    const std::size_t window = std::clamp(kWindow * times, kWindow, kWindowMax);
    return window - std::min(count(), window);
  }

 private:
  struct Ping {
    std::uint64_t sent;  // packets sent until then, including this ping
    Clock::time_point at;
  };
  std::uint64_t sent_ = 0;
  std::uint64_t taken_ = 0;
  std::deque<Ping> pings_;  // unanswered: one, and those of the keep alive
  Clock::duration round_trip_min_ = Clock::duration::max();
};

}  // namespace hermes::mqtt
