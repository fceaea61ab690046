#include "adapters/mqtt/handle.h"

#include <mutex>
#include <stdexcept>
#include <utility>

#include "adapters/mqtt/outcome.h"

namespace hermes::mqtt {
namespace {

// Messages that wait to be written. It bounds memory when the network is slower than the publisher; at 250 bytes 16 MiB.
constexpr int kMaxQueuedMessages = 65'535;

HandleEvents& events_of(void* context) { return *static_cast<HandleEvents*>(context); }

}  // namespace

Handle::Handle(std::string uri, std::string client_id, HandleEvents& events)
    : uri_(std::move(uri)), client_id_(std::move(client_id)), events_(events), paho_(made()) {}

Handle::~Handle() { MQTTAsync_destroy(&paho_); }

MQTTAsync Handle::made() const {
  MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer5;
  options.maxBufferedMessages = kMaxQueuedMessages;
  MQTTAsync paho = nullptr;
  int code = MQTTAsync_createWithOptions(&paho, uri_.c_str(), client_id_.c_str(), MQTTCLIENT_PERSISTENCE_NONE, nullptr, &options);
  if (code == MQTTASYNC_SUCCESS) {
    code = MQTTAsync_setCallbacks(
        paho, &events_, [](void* events, char* cause) { events_of(events).lost(cause); },
        [](void* events, char* topic, int topic_bytes, MQTTAsync_message* message) {
          events_of(events).arrived(topic, topic_bytes, message);
          return 1;
        },
        nullptr);
  }
  if (code == MQTTASYNC_SUCCESS) {
    code = MQTTAsync_setDisconnected(paho, &events_, [](void* events, MQTTProperties*, MQTTReasonCodes reason) {
      events_of(events).told_to_leave(reason);
    });
  }
  if (code != MQTTASYNC_SUCCESS) throw std::runtime_error("cannot make an MQTT client: " + describe(code));
  return paho;
}

void Handle::replace() {
  MQTTAsync old = made();
  {
    std::unique_lock lock(mutex_);
    std::swap(old, paho_);
  }
  MQTTAsync_destroy(&old);
}

int Handle::connect(const MQTTAsync_connectOptions& options) { return MQTTAsync_connect(paho_, &options); }

int Handle::disconnect(const MQTTAsync_disconnectOptions& options) {
  std::shared_lock lock(mutex_);
  return MQTTAsync_disconnect(paho_, &options);
}

int Handle::send(std::string_view topic, std::string_view payload, int qos, bool retained, MQTTAsync_responseOptions* options) {
  // paho wants the topic to end in NUL.
  thread_local std::string topic_text;
  topic_text.assign(topic);
  std::shared_lock lock(mutex_);
  return MQTTAsync_send(paho_, topic_text.c_str(), static_cast<int>(payload.size()), payload.data(), qos, retained ? 1 : 0, options);
}

int Handle::subscribe(const std::string& filter, int qos, MQTTAsync_responseOptions& options) {
  std::shared_lock lock(mutex_);
  return subscribe_from_callback(filter, qos, options);
}

int Handle::subscribe_from_callback(const std::string& filter, int qos, MQTTAsync_responseOptions& options) {
  return MQTTAsync_subscribe(paho_, filter.c_str(), qos, &options);
}

}  // namespace hermes::mqtt
