#include "adapters/mqtt/packets.h"

#include <utility>

namespace hermes::mqtt {
namespace {

enum class Type : std::uint8_t {  // 2.1.2
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  subscribe = 8,
  suback = 9,
  unsubscribe = 10,
  unsuback = 11,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14
};

enum Property : std::uint8_t {  // 2.2.2.2
  kSessionExpiry = 0x11,
  kServerKeepAlive = 0x13,
  kReceiveMaximum = 0x21,
  kTopicAlias = 0x23,
  kMaximumQos = 0x24,
  kRetainAvailable = 0x25,
  kMaximumPacketSize = 0x27,
  kWildcardSubscriptions = 0x28,
  kSharedSubscriptions = 0x2a
};

constexpr std::size_t kLengthDigitsMax = 4;  // of a variable byte integer (1.5.5)

std::size_t length_digits(std::size_t length) { return length < 128 ? 1 : length < 16'384 ? 2 : length < 2'097'152 ? 3 : 4; }

void append_u8(std::string& out, unsigned value) { out += static_cast<char>(value); }
void append_u16(std::string& out, std::size_t value) {
  append_u8(out, value >> 8 & 0xff);
  append_u8(out, value & 0xff);
}
void append_u32(std::string& out, std::uint32_t value) {
  append_u16(out, value >> 16);
  append_u16(out, value & 0xffff);
}
void append_length(std::string& out, std::size_t length) {
  for (; length >= 128; length /= 128) append_u8(out, length % 128 | 128);
  append_u8(out, length);
}
void append_text(std::string& out, std::string_view text) {
  append_u16(out, text.size());
  out += text;
}
void append_header(std::string& out, Type type, unsigned flags, std::size_t length) {
  append_u8(out, static_cast<unsigned>(type) << 4 | flags);
  append_length(out, length);
}

std::size_t publish_length(const Publish& publish) {
  return 2 + publish.topic.size() + (publish.qos > 0 ? 2 : 0) + 1 + publish.payload.size();
}

// Thrown and caught in this file only: the packet ends too early, or says something illegal.
struct Unreadable {
  const char* what;
};

// Reads fields off the front of a packet's body.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  std::string_view take(std::size_t count) {
    if (count > bytes_.size()) throw Unreadable{"a packet that is too short for what it says"};
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(take(1)[0]); }
  std::uint16_t u16() {
    const std::uint16_t high = u8();
    return static_cast<std::uint16_t>(high << 8 | u8());
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  std::string_view text() { return take(u16()); }
  Reader properties() { return Reader(take(length())); }
  std::string_view rest() { return std::exchange(bytes_, {}); }

  // The value of the property at the front that has `identifier` and is a number; 0 for other properties, which are skipped.
  std::uint32_t property_value(std::uint8_t identifier) {
    switch (identifier) {
      case 0x01:
      case 0x17:
      case 0x19:
      case kMaximumQos:
      case kRetainAvailable:
      case kWildcardSubscriptions:
      case 0x29:
      case kSharedSubscriptions: return u8();
      case kServerKeepAlive:
      case kReceiveMaximum:
      case 0x22:
      case kTopicAlias: return u16();
      case 0x02:
      case kSessionExpiry:
      case 0x18:
      case kMaximumPacketSize: return u32();
      case 0x0b: return static_cast<std::uint32_t>(length());
      case 0x03:
      case 0x08:
      case 0x09:
      case 0x12:
      case 0x15:
      case 0x16:
      case 0x1a:
      case 0x1c:
      case 0x1f: text(); return 0;
      case 0x26:  // a user property: a name and a value
        text();
        text();
        return 0;
      default: throw Unreadable{"a property that MQTT 5 does not know"};
    }
  }

 private:
  std::size_t length() {
    std::size_t value = 0;
    for (std::size_t digit = 0; digit < kLengthDigitsMax; ++digit) {
      const std::uint8_t byte = u8();
      value |= static_cast<std::size_t>(byte & 0x7f) << (7 * digit);
      if ((byte & 0x80) == 0) return value;
    }
    throw Unreadable{"a length of more than four bytes"};
  }

  std::string_view bytes_;
};

Connack read_connack(Reader body) {
  Connack connack;
  connack.session_present = (body.u8() & 1) != 0;
  connack.reason = body.u8();
  connack.of_mqtt_3 = body.empty();  // in MQTT 5 the length of the properties is never left out (3.2.2.3.1)
  if (connack.of_mqtt_3) return connack;
  for (Reader properties = body.properties(); !properties.empty();) {
    const std::uint8_t identifier = properties.u8();
    const std::uint32_t value = properties.property_value(identifier);
    switch (identifier) {
      case kSessionExpiry: connack.session_expiry_s = value; break;
      case kServerKeepAlive: connack.keep_alive_s = static_cast<std::uint16_t>(value); break;
      case kReceiveMaximum:
        if (value == 0) throw Unreadable{"a receive maximum of 0"};  // 3.2.2.3.3
        connack.receive_maximum = static_cast<std::uint16_t>(value);
        break;
      case kMaximumQos: connack.maximum_qos = static_cast<int>(value); break;
      case kRetainAvailable: connack.retain = value != 0; break;
      case kMaximumPacketSize: connack.maximum_packet_bytes = value; break;
      case kWildcardSubscriptions: connack.wildcard_subscriptions = value != 0; break;
      case kSharedSubscriptions: connack.shared_subscriptions = value != 0; break;
      default: break;
    }
  }
  return connack;
}

Publish read_publish(unsigned flags, Reader body) {
  Publish publish;
  publish.duplicate = (flags & 8) != 0;
  publish.qos = static_cast<int>(flags >> 1 & 3);
  publish.retained = (flags & 1) != 0;
  if (publish.qos > 1) throw Unreadable{"a message at QoS 2, which was never asked for"};
  publish.topic = body.text();
  if (publish.qos > 0) {
    publish.packet_id = body.u16();
    if (publish.packet_id == 0) throw Unreadable{"a message with the packet identifier 0"};
  }
  for (Reader properties = body.properties(); !properties.empty();) {
    const std::uint8_t identifier = properties.u8();
    // The CONNECT did not allow topic aliases (3.1.2.11.5).
    if (identifier == kTopicAlias) throw Unreadable{"a topic alias"};
    properties.property_value(identifier);
  }
  if (publish.topic.empty()) throw Unreadable{"a message without a topic"};
  publish.payload = body.rest();
  return publish;
}

Puback read_puback(Reader body) {
  Puback puback;
  puback.packet_id = body.u16();
  if (!body.empty()) puback.reason = body.u8();
  return puback;
}

Suback read_suback(Reader body) {
  Suback suback;
  suback.packet_id = body.u16();
  body.properties();
  suback.reason = body.u8();
  return suback;
}

Unsuback read_unsuback(Reader body) {
  Unsuback unsuback;
  unsuback.packet_id = body.u16();
  body.properties();
  unsuback.reason = body.u8();
  return unsuback;
}

Disconnect read_disconnect(Reader body) { return {body.empty() ? std::uint8_t{0} : body.u8()}; }

Received read(Type type, unsigned flags, Reader body) {
  switch (type) {
    case Type::publish: return read_publish(flags, body);
    case Type::puback: return read_puback(body);
    case Type::pingresp: return Pingresp{};
    case Type::suback: return read_suback(body);
    case Type::unsuback: return read_unsuback(body);
    case Type::connack: return read_connack(body);
    case Type::disconnect: return read_disconnect(body);
    default: throw Unreadable{"a packet that brokers do not send"};
  }
}

}  // namespace

void append_connect(std::string& out, const Connect& connect) {
  constexpr std::string_view kProtocol("\x00\x04MQTT\x05", 7);
  std::string properties;
  append_u8(properties, kSessionExpiry);
  append_u32(properties, connect.session_expiry_s);
  append_u8(properties, kReceiveMaximum);
  append_u16(properties, connect.receive_maximum);
  if (connect.maximum_packet_bytes > 0) {
    append_u8(properties, kMaximumPacketSize);
    append_u32(properties, connect.maximum_packet_bytes);
  }
  std::string body(kProtocol);
  append_u8(body, (connect.clean_start ? 0x02u : 0u) | (connect.username.empty() ? 0u : 0x80u) |
                      (connect.password.empty() ? 0u : 0x40u));
  append_u16(body, connect.keep_alive_s);
  append_length(body, properties.size());
  body += properties;
  append_text(body, connect.client_id);
  if (!connect.username.empty()) append_text(body, connect.username);
  if (!connect.password.empty()) append_text(body, connect.password);
  append_header(out, Type::connect, 0, body.size());
  out += body;
}

void append_publish(std::string& out, const Publish& publish) {
  const unsigned flags = (publish.duplicate ? 8u : 0u) | static_cast<unsigned>(publish.qos) << 1 | (publish.retained ? 1u : 0u);
  append_header(out, Type::publish, flags, publish_length(publish));
  append_text(out, publish.topic);
  if (publish.qos > 0) append_u16(out, publish.packet_id);
  append_length(out, 0);  // no properties
  out += publish.payload;
}

std::size_t publish_bytes(const Publish& publish) {
  const std::size_t length = publish_length(publish);
  return 1 + length_digits(length) + length;
}

void append_puback(std::string& out, PacketId packet_id) {
  append_header(out, Type::puback, 0, 2);
  append_u16(out, packet_id);
}

void append_subscribe(std::string& out, PacketId packet_id, const Subscribe& subscribe) {
  constexpr unsigned kNoLocal = 0x04;
  constexpr unsigned kRetainedNever = 0x20;
  append_header(out, Type::subscribe, 2, 2 + 1 + 2 + subscribe.filter.size() + 1);
  append_u16(out, packet_id);
  append_length(out, 0);
  append_text(out, subscribe.filter);
  append_u8(out, static_cast<unsigned>(subscribe.qos) | (subscribe.no_local ? kNoLocal : 0) |
                     (subscribe.with_retained ? 0 : kRetainedNever));
}

void append_unsubscribe(std::string& out, PacketId packet_id, std::string_view filter) {
  append_header(out, Type::unsubscribe, 2, 2 + 1 + 2 + filter.size());
  append_u16(out, packet_id);
  append_length(out, 0);
  append_text(out, filter);
}

void append_pingreq(std::string& out) { append_header(out, Type::pingreq, 0, 0); }
void append_disconnect(std::string& out) { append_header(out, Type::disconnect, 0, 0); }

std::size_t front_packet_bytes(std::string_view bytes) {
  std::size_t length = 0;
  for (std::size_t at = 1; at < bytes.size() && at <= kLengthDigitsMax; ++at) {
    const auto digit = static_cast<unsigned char>(bytes[at]);
    length |= static_cast<std::size_t>(digit & 0x7f) << (7 * (at - 1));
    if ((digit & 0x80) == 0) return 1 + at + length;
  }
  return 0;
}

Result<std::optional<Received>, Malformed> take_packet(std::string_view& bytes) {
  const std::size_t whole = front_packet_bytes(bytes);
  if (whole == 0 && bytes.size() > kLengthDigitsMax) return fail(Malformed{"the broker sent a length of more than four bytes"});
  if (whole == 0 || bytes.size() < whole) return std::optional<Received>();
  const auto first = static_cast<unsigned char>(bytes[0]);
  std::size_t header = 1;
  while ((static_cast<unsigned char>(bytes[header]) & 0x80) != 0) ++header;
  const std::string_view body = bytes.substr(header + 1, whole - header - 1);
  try {
    std::optional<Received> received = read(static_cast<Type>(first >> 4), first & 0x0f, Reader(body));
    bytes.remove_prefix(whole);
    return received;
  } catch (const Unreadable& unreadable) {
    return fail(Malformed{std::string("the broker sent ") + unreadable.what});
  }
}

}  // namespace hermes::mqtt
