#include "adapters/chat/broker.h"

#include <chrono>
#include <cstdint>

#include "adapters/wire/wire.h"
#include "base/wall_clock.h"

namespace hermes::chat {
namespace {

// Unacknowledged messages the broker may have under way to a client: each is on the disk before it is acknowledged.
constexpr std::uint16_t kReceiveMaximum = 1'000;
constexpr std::chrono::milliseconds kReceiptTimeout{5'000};

}  // namespace

mqtt::Settings broker_settings(const Session::Settings& settings, const std::string& unique) {
  mqtt::Settings broker;
  broker.host = settings.broker_host;
  broker.port = settings.broker_port;
  broker.username = settings.broker_username;
  broker.password = settings.broker_password;
  broker.receive_maximum = kReceiveMaximum;
  if (settings.role == Session::Role::attend) {
    broker.client_id = "hermes-chat-" + settings.user.str();  // fixed: the broker keeps what comes while it is away
    broker.leave_session_to_another = true;                   // two that take it from each other would each show a part
  } else {
    broker.client_id = "hermes-send-" + unique;
    broker.clean_start = true;
    broker.session_expiry = std::chrono::minutes(1);  // outlives a reconnect, and no more
  }
  return broker;
}

Result<Done, mqtt::Error> connect_and_subscribe(mqtt::Client& client, const Session::Settings& settings) {
  if (!client.connected()) {
    if (auto connected = client.connect(); !connected) return connected;
  }
  const auto own = client.subscribe(wire::topic_for(settings.topic_root, settings.user.str()), 1, false);
  if (!own) return fail(own.error());
  if (settings.role == Session::Role::attend) {
    const auto all = client.subscribe(wire::topic_for(settings.topic_root, domain::kEveryone), 1, true);
    if (!all) return fail(all.error());
  }
  return Done{};
}

Result<Done, mqtt::Error> publish(mqtt::Client& client, const Session::Settings& settings, const Outgoing& outgoing) {
  return client.publish(wire::topic_for(settings.topic_root, outgoing.message.receiver.str()),
                        wire::encode(outgoing.message, outgoing.time), 1);
}

Result<Done, mqtt::Error> publish(mqtt::Client& client, const Session::Settings& settings, const domain::SetTyping& typing) {
  // QoS 0: an indicator that is late or lost is of no use to anybody.
  return client.publish(wire::topic_for(settings.topic_root, typing.receiver.str()), wire::encode(typing, wall_clock()), 0);
}

// Acknowledgements come in the order of publishing (MQTT 5, 4.6), so the last one's stands for all.
Result<Done, mqtt::Error> publish(mqtt::Client& client, const Session::Settings& settings,
                                  const std::vector<Receipt>& receipts) {
  for (std::size_t i = 0; i < receipts.size(); ++i) {
    const Receipt& receipt = receipts[i];
    const std::string topic = wire::topic_for(settings.topic_root, receipt.sender.str());
    const std::string payload = wire::encode_status(receipt.message_id, receipt.status, settings.user.str(), wall_clock());
    const auto published = i + 1 < receipts.size() ? client.publish(topic, payload, 1)
                                                   : client.publish_and_wait(topic, payload, 1, kReceiptTimeout);
    if (!published) return published;
  }
  return Done{};
}

}  // namespace hermes::chat
