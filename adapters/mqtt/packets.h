// The packets of MQTT 5.0 that a client at QoS 0 and 1 sends and gets, as bytes. Sections are those of the OASIS standard
// (mqtt-v5.0-os).
//
// Written packets are well-formed by construction. The bytes read may be anything: bytes that no broker may send are
// `Malformed`, never undefined behaviour, and cost no memory beyond themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace hermes::mqtt {

using PacketId = std::uint16_t;  // 1 to 65,535 (2.2.1)
inline constexpr std::size_t kPacketBytesMax =
    268'435'460;  // the longest length, in four bytes, and the byte before it (1.5.5, 2.1.4)

// ---- what a client sends: each appends one packet to `out` ----

struct Connect {  // 3.1
  std::string_view client_id;
  bool clean_start = false;
  std::uint16_t keep_alive_s = 0;  // 0: none
  std::uint32_t session_expiry_s = 0;
  std::uint16_t receive_maximum = 65'535;
  std::uint32_t maximum_packet_bytes = 0;  // 0: any size
  std::string_view username{};             // empty: none
  std::string_view password{};
};
void append_connect(std::string& out, const Connect& connect);

struct Publish {  // 3.3
  std::string_view topic;
  std::string_view payload;
  int qos = 0;
  PacketId packet_id = 0;  // 0 at QoS 0
  bool retained = false;
  bool duplicate = false;
};
void append_publish(std::string& out, const Publish& publish);
std::size_t publish_bytes(const Publish& publish);  // the size that append_publish would append

void append_puback(std::string& out, PacketId packet_id);  // 3.4, success
struct Subscribe {                                         // 3.8, one filter
  std::string_view filter;
  int qos = 0;
  bool no_local = false;
  bool with_retained = false;  // whether the broker sends its retained messages (3.8.3.1, retain handling 0 or 2)
};
void append_subscribe(std::string& out, PacketId packet_id, const Subscribe& subscribe);
void append_unsubscribe(std::string& out, PacketId packet_id, std::string_view filter);  // 3.10
void append_pingreq(std::string& out);                                                   // 3.12
void append_disconnect(std::string& out);                                                // 3.14, normal

// ---- what a client gets ----

struct Connack {  // 3.2; missing properties have the standard's defaults
  bool session_present = false;
  std::uint8_t reason = 0;
  bool of_mqtt_3 = false;  // of MQTT 3.1.1, without properties; `reason` is then one of its return codes
  std::uint16_t receive_maximum = 65'535;
  std::optional<std::uint32_t> maximum_packet_bytes;
  int maximum_qos = 2;
  bool retain = true;
  bool wildcard_subscriptions = true;
  bool shared_subscriptions = true;
  std::optional<std::uint32_t> session_expiry_s;  // nothing: what was asked for
  std::optional<std::uint16_t> keep_alive_s;      // likewise
};
struct Puback {
  PacketId packet_id = 0;
  std::uint8_t reason = 0;
};
struct Suback {  // of one filter, as append_subscribe asks
  PacketId packet_id = 0;
  std::uint8_t reason = 0;  // 0 to 2: the QoS granted
};
struct Unsuback {  // 3.11; of one filter, as append_unsubscribe asks
  PacketId packet_id = 0;
  std::uint8_t reason = 0;
};
struct Pingresp {};
struct Disconnect {
  std::uint8_t reason = 0;
};
// Views point into the bytes that were read.
using Received = std::variant<Publish, Puback, Pingresp, Suback, Unsuback, Connack, Disconnect>;

struct Malformed {
  std::string what;  // "the broker sent ..."
};

// Takes one packet off the front of `bytes`. If the packet is not complete yet, leaves `bytes` as they are and returns nothing.
Result<std::optional<Received>, Malformed> take_packet(std::string_view& bytes);

// How long the packet at the front of `bytes` is, as soon as its header says so; 0 before.
std::size_t front_packet_bytes(std::string_view bytes);

}  // namespace hermes::mqtt
