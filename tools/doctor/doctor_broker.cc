#include <condition_variable>
#include <mutex>
#include <random>
#include <string>

#include "adapters/mqtt/client.h"
#include "adapters/wire/wire.h"
#include "base/host_and_port.h"
#include "base/wall_clock.h"
#include "domain/commands.h"
#include "tools/cli/output.h"
#include "tools/doctor/doctor_checks.h"

namespace hermes::tools {
namespace {

using Level = Check::Level;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kConnectTimeout{5};
constexpr std::chrono::seconds kRoundTripTimeout{5};
// The most messages that wait for us during the check: on a busy system the subscription gets everybody's messages.
constexpr std::uint16_t kReceiveMaximum = 100;

std::string random_name() {
  std::random_device random;
  return "hermes-doctor-" + std::to_string(random());
}

std::string where(const Settings& settings) { return host_and_port(settings.mqtt_host, settings.mqtt_port); }

mqtt::Settings client_settings(const Settings& settings, const std::string& name) {
  mqtt::Settings client;
  client.host = settings.mqtt_host;
  client.port = settings.mqtt_port;
  client.username = settings.mqtt_username;
  client.password = settings.mqtt_password;
  client.client_id = name;
  client.clean_start = true;
  client.receive_maximum = kReceiveMaximum;
  client.connect_timeout = kConnectTimeout;
  return client;
}

Check judge_qos(const mqtt::Grants& grants) {
  if (grants.maximum_qos >= 1) return {"QoS", Level::ok, "up to " + std::to_string(grants.maximum_qos)};
  return {"QoS", Level::fail, "the broker takes QoS 0 only: nothing it delivers is acknowledged, and a lost message is lost",
          "allow QoS 1 (Mosquitto: max_qos 2)"};
}

Check judge_features(const mqtt::Grants& grants) {
  if (!grants.wildcard_subscriptions) {
    return {"features", Level::fail,
            "the broker has no wildcard subscriptions: the ingester cannot subscribe to everybody's messages", "allow them"};
  }
  std::string finding = "wildcard subscriptions";
  if (grants.retain) finding += ", retain";
  if (grants.shared_subscriptions) return {"features", Level::ok, finding + ", shared subscriptions"};
  return {"features", Level::warn, finding + ", but no shared subscriptions: one ingester only",
          "allow them before a second ingester is started"};
}

// The ingester asks for a session that outlives its connection, so this asks for one too. Without a subscription it collects
// nothing, and the next connection with the same name ends it.
Checks check_grants(const Settings& settings, const std::string& name) {
  mqtt::Client client(client_settings(settings, name));
  if (auto connected = client.connect(); !connected) {
    return {{"broker", Level::fail, connected.error().message,
             "start it, or set MQTT_BROKER_HOST, MQTT_BROKER_PORT, MQTT_USERNAME and MQTT_PASSWORD"}};
  }
  const mqtt::Grants grants = client.grants();
  client.disconnect();
  return {{"broker", Level::ok, where(settings) + " answers"},
          judge_receive_maximum(grants),
          judge_packet_size(grants),
          judge_qos(grants),
          judge_features(grants),
          judge_session_expiry(grants)};
}

class Arrival {
 public:
  explicit Arrival(std::string topic) : topic_(std::move(topic)) {}
  bool take(const mqtt::Message& message) {
    if (message.topic != topic_) return true;  // other people's
    std::lock_guard lock(mutex_);
    arrived_ = Clock::now();
    changed_.notify_all();
    return true;
  }
  std::optional<Clock::time_point> wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kRoundTripTimeout, [&] { return arrived_.has_value(); });
    return arrived_;
  }

 private:
  const std::string topic_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Clock::time_point> arrived_;
};

Check round_trip(mqtt::Client& client, Arrival& arrival, const std::string& topic, const std::string& name) {
  const auto now = wall_clock();
  const std::string payload =
      wire::encode_status(*domain::MessageId::parse(name), domain::Status::received_by_server, wire::kServerUser, now);
  const auto sent_at = Clock::now();
  if (auto sent = client.publish_and_wait(topic, payload, 1, kRoundTripTimeout); !sent) {
    return {"round trip", Level::fail, sent.error().message, "see the broker's log; may this user publish to " + topic + "?"};
  }
  const auto arrived_at = arrival.wait();
  if (!arrived_at) {
    return {"round trip", Level::fail,
            "a message to " + topic + " did not come back within " + human_duration(kRoundTripTimeout),
            "see the broker's log; its access list may let this user subscribe but not receive"};
  }
  return {"round trip", Level::ok,
          human_duration(std::chrono::duration_cast<std::chrono::microseconds>(*arrived_at - sent_at)) + " at QoS 1"};
}

Checks check_topic(const Settings& settings, const std::string& name) {
  mqtt::Settings wanted = client_settings(settings, name);
  wanted.session_expiry = std::chrono::seconds(0);  // the session ends with the connection
  mqtt::Client client(wanted);
  const std::string topic = wire::topic_for(settings.mqtt_topic, name);
  Arrival arrival(topic);
  client.on_message([&](const mqtt::Message& message) { return arrival.take(message); });
  const Check skipped{"round trip", Level::skipped, "not subscribed"};
  if (auto connected = client.connect(); !connected) {
    return {{"subscription", Level::fail, connected.error().message, "see the broker's log"}, skipped};
  }
  const std::string filter = wire::subscription_for_everything(settings.mqtt_topic);
  const auto granted = client.subscribe(filter, 1, false);
  if (!granted)
    return {{"subscription", Level::fail, granted.error().message, "let this user subscribe to " + filter}, skipped};
  Check subscription{"subscription", Level::ok, "QoS " + std::to_string(*granted) + " granted on " + filter};
  if (*granted < 1) {
    subscription = {"subscription", Level::fail,
                    "only QoS 0 granted on " + filter + ": a message that the ingester does not get at once is lost",
                    "let this user subscribe at QoS 1"};
  }
  Checks checks{subscription, round_trip(client, arrival, topic, name)};
  client.disconnect();
  return checks;
}

}  // namespace

Checks check_broker(const Settings& settings, const DoctorSettings& doctor) {
  const std::string name = random_name();
  Checks checks = check_grants(settings, name);
  if (checks.front().level == Level::fail) {
    for (const char* other :
         {"in flight", "packet size", "QoS", "features", "session", "subscription", "round trip", "former sessions"}) {
      checks.push_back({other, Level::skipped, "no broker"});
    }
    return checks;
  }
  for (Check& check : check_topic(settings, name)) checks.push_back(std::move(check));
  mqtt::Settings client = client_settings(settings, name);
  client.session_expiry = std::chrono::seconds(0);
  checks.push_back(check_former_sessions(settings, doctor, client));
  return checks;
}

}  // namespace hermes::tools
