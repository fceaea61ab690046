#include "bench/load/mqtt_packets.h"

#include <stdexcept>

namespace hermes::load {
namespace {

constexpr std::uint8_t kReceiveMaximum = 0x21;

void append_u16(std::string& out, std::uint16_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}

void append_text(std::string& out, std::string_view text) {
  append_u16(out, static_cast<std::uint16_t>(text.size()));
  out += text;
}

// The fixed header: type, flags, and the length that follows (1.5.5, seven bits a byte).
void append_header(std::string& out, std::uint8_t first_byte, std::size_t length) {
  out += static_cast<char>(first_byte);
  do {
    const auto digit = static_cast<std::uint8_t>(length % 128);
    length /= 128;
    out += static_cast<char>(length > 0 ? digit | 0x80 : digit);
  } while (length > 0);
}

std::runtime_error malformed(const char* what) {
  return std::runtime_error(std::string("the broker sent a malformed ") + what);
}

// Reads fields off the front of a packet's body.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(take(1)[0]); }
  std::uint16_t u16() {
    const std::string_view two = take(2);
    return static_cast<std::uint16_t>(static_cast<unsigned char>(two[0]) << 8 | static_cast<unsigned char>(two[1]));
  }
  std::size_t variable_length() {
    std::size_t value = 0;
    for (int shift = 0; shift < 28; shift += 7) {
      const std::uint8_t digit = u8();
      value |= static_cast<std::size_t>(digit & 0x7f) << shift;
      if ((digit & 0x80) == 0) return value;
    }
    throw malformed("length");
  }
  std::string_view take(std::size_t count) {
    if (count > bytes_.size()) throw malformed("packet");
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::string_view text() { return take(u16()); }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

// How much a property of a CONNACK takes after its identifier (2.2.2.2); nothing for one that cannot be in a CONNACK.
void skip_connack_property(Reader& properties, std::uint8_t identifier) {
  switch (identifier) {
    case 0x11:
    case 0x27: properties.take(4); return;
    case 0x13:
    case 0x22: properties.take(2); return;
    case 0x24:
    case 0x25:
    case 0x28:
    case 0x29:
    case 0x2a: properties.take(1); return;
    case 0x12:
    case 0x15:
    case 0x16:
    case 0x1a:
    case 0x1c:
    case 0x1f: properties.text(); return;
    case 0x26:
      properties.text();
      properties.text();
      return;
    default: throw malformed("CONNACK");
  }
}

}  // namespace

void append_connect(std::string& out, std::string_view client_id, std::uint16_t keep_alive_s) {
  constexpr std::string_view kProtocol("\x00\x04MQTT\x05", 7);
  constexpr char kCleanStart = 0x02;
  append_header(out, 0x10, kProtocol.size() + 1 + 2 + 1 + 2 + client_id.size());
  out += kProtocol;
  out += kCleanStart;
  append_u16(out, keep_alive_s);
  out += '\0';  // no properties
  append_text(out, client_id);
}

void append_publish(std::string& out, std::string_view topic, std::string_view payload, std::uint16_t packet_id) {
  append_header(out, 0x32, 2 + topic.size() + 2 + 1 + payload.size());
  append_text(out, topic);
  append_u16(out, packet_id);
  out += '\0';  // no properties
  out += payload;
}

void append_subscribe(std::string& out, std::string_view filter, std::uint16_t packet_id) {
  append_header(out, 0x82, 2 + 1 + 2 + filter.size() + 1);
  append_u16(out, packet_id);
  out += '\0';
  append_text(out, filter);
  out += '\x01';  // QoS 1
}

void append_puback(std::string& out, std::uint16_t packet_id) {
  append_header(out, 0x40, 2);
  append_u16(out, packet_id);
}

void append_pingreq(std::string& out) { append_header(out, 0xc0, 0); }
void append_disconnect(std::string& out) { append_header(out, 0xe0, 0); }

std::optional<Packet> take_packet(std::string_view& bytes) {
  std::size_t length = 0;
  for (std::size_t at = 1; at < bytes.size() && at <= 4; ++at) {
    const auto digit = static_cast<unsigned char>(bytes[at]);
    length |= static_cast<std::size_t>(digit & 0x7f) << (7 * (at - 1));
    if ((digit & 0x80) != 0) {
      if (at == 4) throw malformed("length");
      continue;
    }
    const std::size_t header = at + 1;
    if (bytes.size() - header < length) return std::nullopt;
    const auto first = static_cast<std::uint8_t>(bytes[0]);
    const Packet packet{static_cast<PacketType>(first >> 4), static_cast<std::uint8_t>(first & 0x0f),
                        bytes.substr(header, length)};
    bytes.remove_prefix(header + length);
    return packet;
  }
  return std::nullopt;
}

Connack parse_connack(std::string_view body) {
  Reader reader(body);
  reader.u8();  // session present: we start clean
  Connack connack;
  connack.reason = reader.u8();
  if (reader.rest().empty()) return connack;
  Reader properties(reader.take(reader.variable_length()));
  while (!properties.rest().empty()) {
    const std::uint8_t identifier = properties.u8();
    if (identifier == kReceiveMaximum) {
      connack.receive_maximum = properties.u16();
    } else {
      skip_connack_property(properties, identifier);
    }
  }
  return connack;
}

Publish parse_publish(const Packet& packet) {
  Reader reader(packet.body);
  Publish publish;
  publish.topic = reader.text();
  if ((packet.flags & 0x06) != 0) publish.packet_id = reader.u16();
  reader.take(reader.variable_length());
  publish.payload = reader.rest();
  return publish;
}

std::uint16_t parse_packet_id(std::string_view body) { return Reader(body).u16(); }

}  // namespace hermes::load
