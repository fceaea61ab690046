// What a broker grants a session, as its CONNACK says (MQTT 5, 3.2.2.3). A missing property has the standard's default.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace hermes::mqtt {

struct Grants {
  std::uint16_t receive_maximum = 65'535;             // unacknowledged messages it takes from us at once
  std::optional<std::uint32_t> maximum_packet_bytes;  // nothing: no limit but the protocol's
  int maximum_qos = 2;
  bool retain = true;
  bool wildcard_subscriptions = true;
  bool shared_subscriptions = true;
  std::chrono::seconds session_expiry{0};  // how long it keeps the session: as asked for, unless it says otherwise
};

}  // namespace hermes::mqtt
