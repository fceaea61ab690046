#include "adapters/mqtt/connect_options.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace hermes::mqtt {
namespace {

// Publishes at QoS 1 under way at once: paho walks its lists for every PUBACK, so a long list costs more than it gains.
constexpr int kMaxInflight = 1'000;

}  // namespace

ConnectOptions::ConnectOptions(const Settings& settings, bool clean_start) {
  MQTTProperty property{};
  property.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL;
  property.value.integer4 = static_cast<unsigned>(settings.session_expiry.count());
  MQTTProperties_add(&properties_, &property);
  property.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM;
  property.value.integer2 = settings.receive_maximum;
  MQTTProperties_add(&properties_, &property);
  if (settings.maximum_packet_bytes > 0) {
    property.identifier = MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE;
    property.value.integer4 = settings.maximum_packet_bytes;
    MQTTProperties_add(&properties_, &property);
  }
  paho.connectProperties = &properties_;
  paho.cleanstart = clean_start ? 1 : 0;
  paho.keepAliveInterval = static_cast<int>(settings.keep_alive.count());
  paho.connectTimeout =
      std::max(1, static_cast<int>(std::chrono::ceil<std::chrono::seconds>(settings.connect_timeout).count()));
  paho.maxInflight = kMaxInflight;
  paho.username = settings.username.empty() ? nullptr : settings.username.c_str();
  paho.password = settings.password.empty() ? nullptr : settings.password.c_str();
}

ConnectOptions::~ConnectOptions() { MQTTProperties_free(&properties_); }

Grants grants_of(MQTTProperties& properties, const Settings& settings) {
  const auto number = [&](MQTTPropertyCodes code) -> std::optional<std::uint32_t> {
    if (!MQTTProperties_hasProperty(&properties, code)) return std::nullopt;
    return static_cast<std::uint32_t>(MQTTProperties_getNumericValue(&properties, code));
  };
  Grants grants;
  grants.receive_maximum =
      static_cast<std::uint16_t>(number(MQTTPROPERTY_CODE_RECEIVE_MAXIMUM).value_or(grants.receive_maximum));
  grants.maximum_packet_bytes = number(MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE);
  grants.maximum_qos = static_cast<int>(number(MQTTPROPERTY_CODE_MAXIMUM_QOS).value_or(2));
  grants.retain = number(MQTTPROPERTY_CODE_RETAIN_AVAILABLE).value_or(1) != 0;
  grants.wildcard_subscriptions = number(MQTTPROPERTY_CODE_WILDCARD_SUBSCRIPTION_AVAILABLE).value_or(1) != 0;
  grants.shared_subscriptions = number(MQTTPROPERTY_CODE_SHARED_SUBSCRIPTION_AVAILABLE).value_or(1) != 0;
  const auto expiry = number(MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL);
  grants.session_expiry = expiry ? std::chrono::seconds(*expiry) : settings.session_expiry;
  return grants;
}

}  // namespace hermes::mqtt
