#include "adapters/mqtt/reason_code.h"

#include <array>
#include <cstdio>

namespace hermes::mqtt {
namespace {

constexpr std::uint8_t kBadUserNameOrPassword = 0x86;
constexpr std::uint8_t kNotAuthorized = 0x87;

struct Text {
  std::uint8_t reason;
  const char* text;
};

constexpr std::array kTexts{
    Text{0x00, "normal disconnection"},
    Text{0x80, "unspecified error"},
    Text{0x81, "malformed packet"},
    Text{0x82, "protocol error"},
    Text{0x83, "implementation specific error"},
    Text{kUnsupportedProtocol, "the broker does not speak MQTT 5"},
    Text{0x85, "the broker takes no such client identifier"},
    Text{kBadUserNameOrPassword, "the broker refuses this user or password"},
    Text{kNotAuthorized, "the broker refuses it to this user"},
    Text{0x88, "the broker is unavailable"},
    Text{0x89, "the broker is busy"},
    Text{0x8a, "the broker has banned this client"},
    Text{0x8b, "the broker is shutting down"},
    Text{0x8c, "bad authentication method"},
    Text{0x8d, "keep alive timeout"},
    Text{kSessionTakenOver, "session taken over by another client of this id"},
    Text{0x8f, "the broker takes no such topic filter"},
    Text{0x90, "the broker takes no such topic"},
    Text{0x91, "packet identifier in use"},
    Text{0x93, "more messages under way than the receive maximum"},
    Text{0x94, "topic alias invalid"},
    Text{0x95, "packet too large for the broker"},
    Text{0x96, "message rate too high for the broker"},
    Text{0x97, "quota exceeded"},
    Text{0x98, "ended by an administrator"},
    Text{0x99, "payload format invalid"},
    Text{0x9a, "the broker keeps no retained messages"},
    Text{0x9b, "the broker does not offer this QoS"},
    Text{0x9c, "use another broker"},
    Text{0x9d, "the broker has moved"},
    Text{0x9e, "the broker has no shared subscriptions"},
    Text{0x9f, "too many connections in too short a time"},
    Text{0xa0, "connected for longer than the broker allows"},
    Text{0xa1, "the broker has no subscription identifiers"},
    Text{0xa2, "the broker has no wildcard subscriptions"},
};

}  // namespace

std::string describe(std::uint8_t reason) {
  for (const Text& known : kTexts) {
    if (known.reason == reason) return known.text;
  }
  char text[] = "reason code 0x00";
  std::snprintf(text, sizeof text, "reason code 0x%02x", reason);
  return text;
}

bool is_refused_user(std::uint8_t reason) { return reason == kBadUserNameOrPassword || reason == kNotAuthorized; }

}  // namespace hermes::mqtt
