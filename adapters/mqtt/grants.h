// What a broker grants a session, as its CONNACK says (MQTT 5, 3.2.2.3). A property that is left out has the value that the
// standard gives it.
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
  std::chrono::seconds session_expiry{0};  // what it keeps the session for: what we asked for, unless it says otherwise
};

}  // namespace hermes::mqtt
