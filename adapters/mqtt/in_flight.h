// Publishes at QoS 1 on their way to the broker, in the order in which they were added. They are kept until the broker has
// taken them and sent again on the next connection (MQTT 5, 4.3.2 and 4.4); never more are under way than it allows (4.9).
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "adapters/mqtt/outcome.h"
#include "adapters/mqtt/packets.h"

namespace hermes::mqtt {

class InFlight {
 public:
  // The most publishes under way and waiting. This bounds memory if the broker is slower than the publisher: 16 MiB at 250
  // bytes each. They use packet identifiers 1 to kMax; other requests use those above.
  static constexpr std::size_t kMax = 65'000;

  bool full() const { return entries_.size() == kMax; }
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }

  // Requires: !full().
  void add(std::string_view topic, std::string_view payload, bool retained, OutcomePtr outcome);

  // Appends the publishes that may be sent now, if the broker allows `receive_maximum` under way.
  void send_more(std::string& out, std::size_t receive_maximum);

  // On a new connection all have to be sent again, as duplicates if the broker still has the session.
  void connected(bool session_present);

  // The broker's PUBACK. Returns false if the packet is not under way; no broker may send such a PUBACK.
  bool acknowledged(PacketId packet_id, std::uint8_t reason);

  // Drops all of them; they are not sent any more.
  void give_up(const std::string& problem);

 private:
  struct Entry {
    std::string topic;
    std::string payload;
    bool retained;
    OutcomePtr outcome;
    bool sent_before = false;  // on an earlier connection of this session
    bool done = false;         // kept all the same, since its place gives the identifiers
  };

  // Identifiers are given out one after another, so that an entry's place gives its identifier, also on the next connection.
  // The first one is never done.
  std::deque<Entry> entries_;
  PacketId first_id_ = 1;      // of entries_.front()
  std::size_t sent_ = 0;       // how far into entries_ this connection is
  std::size_t under_way_ = 0;  // of those, not done
};

}  // namespace hermes::mqtt
