#include "bench/subscriber.h"

#include <chrono>
#include <future>
#include <stdexcept>
#include <string_view>

#include "adapters/mqtt/client.h"
#include "adapters/wire/wire.h"

namespace hermes::bench {
namespace {

// The value of a field whose text is known to need no unescaping: the load generator wrote it.
std::string_view field(std::string_view json, std::string_view key) {
  const std::size_t begin = json.find(key) + key.size();
  return json.substr(begin, json.find('"', begin) - begin);
}

template <class Outcome>
void require(const Outcome& outcome) {
  if (!outcome) throw std::runtime_error(outcome.error().message);
}

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::int64_t subscribe_and_count(const SubscriberSettings& settings, const std::function<void()>& subscribed) {
  mqtt::Settings mqtt;
  mqtt.port = settings.port;
  mqtt.client_id = "hermes-bench-subscriber";
  mqtt.clean_start = true;
  mqtt.session_expiry = std::chrono::seconds(0);
  mqtt::Client client(mqtt);
  std::uint64_t counted = 0;
  std::promise<std::int64_t> last_at;
  std::string topic, payload;
  client.on_message([&](const mqtt::Message& message) {
    if (settings.answer) {
      topic = wire::topic_for(settings.topic_root, field(message.payload, R"("sender_id":")"));
      wire::encode_status_into(payload, field(message.payload, R"("message_id":")"), domain::Status::received_by_server,
                               wire::kServerUser, {});
      if (!client.publish(topic, payload, 0)) return true;  // a lost acknowledgement: its sender asks again
    }
    if (++counted == settings.count) last_at.set_value(now_us());
    return true;
  });
  require(client.connect());
  require(client.subscribe(wire::subscription_for_everything(settings.topic_root), 1, /*no_local=*/true));
  subscribed();
  const std::int64_t at = last_at.get_future().get();
  client.disconnect();
  return at;
}

}  // namespace hermes::bench
