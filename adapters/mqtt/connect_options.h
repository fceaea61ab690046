// What a CONNECT asks of the broker, and what its CONNACK grants, in paho's terms.
#pragma once

#include <MQTTAsync.h>

#include "adapters/mqtt/client.h"

namespace hermes::mqtt {

// The options of a connection as `settings` want it, without callbacks; they refer to `settings` and to their own properties,
// so both must outlive the call of MQTTAsync_connect.
class ConnectOptions {
 public:
  ConnectOptions(const Settings& settings, bool clean_start);
  ~ConnectOptions();
  ConnectOptions(const ConnectOptions&) = delete;

  MQTTAsync_connectOptions paho = MQTTAsync_connectOptions_initializer5;

 private:
  MQTTProperties properties_ = MQTTProperties_initializer;
};

// Of a CONNACK's properties (MQTT 5, 3.2.2.3).
Grants grants_of(MQTTProperties& properties, const Settings& settings);

}  // namespace hermes::mqtt
