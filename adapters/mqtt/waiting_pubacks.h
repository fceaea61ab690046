// PUBACKs that wait so that publishes go first: a broker takes the packets of a connection one after another, and somebody
// waits for a publish, but nobody for a PUBACK. They keep the order of the messages (MQTT 5, 4.6).
//
// At most as many as the receive maximum that the client announced: the broker has no more messages under way. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <limits>
#include <string>

#include "adapters/mqtt/packets.h"

namespace hermes::mqtt {

class WaitingPubacks {
 public:
  using Clock = std::chrono::steady_clock;

  explicit WaitingPubacks(Clock::duration longest) : longest_(longest) {}

  void add(PacketId packet_id, Clock::time_point now) { waiting_.push_back({packet_id, now}); }

  // Appends the oldest, up to `room`; those that have waited for `longest` go even without room.
  void take(std::string& out, std::size_t room, Clock::time_point now) {
    for (; !waiting_.empty() && (room > 0 || waiting_.front().since + longest_ <= now); waiting_.pop_front()) {
      append_puback(out, waiting_.front().packet_id);
      if (room > 0) --room;
    }
  }
  void take_all(std::string& out) { take(out, std::numeric_limits<std::size_t>::max(), {}); }

  // The session's packet identifiers mean nothing on the next connection: the broker sends those messages again.
  void clear() { waiting_.clear(); }

  // When the next one goes even without room.
  Clock::time_point due() const { return waiting_.empty() ? Clock::time_point::max() : waiting_.front().since + longest_; }

 private:
  struct Waiting {
    PacketId packet_id;
    Clock::time_point since;
  };
  Clock::duration longest_;
  std::deque<Waiting> waiting_;
};

}  // namespace hermes::mqtt
