// Just enough of MQTT 5 for a load generator: packets as bytes. A client library keeps more state a message than the load may
// cost; this one writes a hundred publishes with one system call. Sections are those of the OASIS MQTT 5.0 specification.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hermes::load {

enum class PacketType : std::uint8_t { connack = 2, publish = 3, puback = 4, suback = 9, pingresp = 13, disconnect = 14 };

// Each appends one packet to `out`.
void append_connect(std::string& out, std::string_view client_id, std::uint16_t keep_alive_s);                     // 3.1
void append_publish(std::string& out, std::string_view topic, std::string_view payload, std::uint16_t packet_id);  // 3.3, QoS 1
void append_subscribe(std::string& out, std::string_view filter, std::uint16_t packet_id);                         // 3.8, QoS 1
void append_puback(std::string& out, std::uint16_t packet_id);                                                     // 3.4
void append_pingreq(std::string& out);                                                                             // 3.12
void append_disconnect(std::string& out);                                                                          // 3.14

struct Packet {
  PacketType type;
  std::uint8_t flags = 0;
  std::string_view body;
};

// Takes one whole packet off the front of `bytes`; nothing when it is not all there. Throws std::runtime_error for bytes that
// are not MQTT.
std::optional<Packet> take_packet(std::string_view& bytes);

struct Connack {
  std::uint8_t reason = 0;  // 0: accepted
  std::uint16_t receive_maximum = 65535;
};
Connack parse_connack(std::string_view body);  // 3.2

struct Publish {
  std::string_view topic;
  std::string_view payload;
  std::uint16_t packet_id = 0;  // 0: QoS 0
};
Publish parse_publish(const Packet& packet);

// Of PUBACK and SUBACK.
std::uint16_t parse_packet_id(std::string_view body);

}  // namespace hermes::load
