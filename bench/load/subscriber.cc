#include "bench/load/subscriber.h"

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/mqtt/client.h"
#include "adapters/wire/wire.h"

namespace hermes::bench {
namespace {

// The client's queue is full when the broker reads slower than we write.
constexpr std::chrono::milliseconds kRetry{1};

// The value of a field whose text is known to need no unescaping: the load generator wrote it.
std::string_view field(std::string_view json, std::string_view key) {
  const std::size_t begin = json.find(key) + key.size();
  return json.substr(begin, json.find('"', begin) - begin);
}

// Publishes answers on a thread of its own, as the ingester does: the client's may not wait for the client.
class Answers {
 public:
  Answers(mqtt::Client& client, std::string topic_root) : client_(client), topic_root_(std::move(topic_root)) {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  void add(std::string_view message_payload) {
    {
      std::lock_guard lock(mutex_);
      queued_.push_back(
          {std::string(field(message_payload, R"("sender_id":")")), std::string(field(message_payload, R"("message_id":")"))});
    }
    changed_.notify_one();
  }

 private:
  struct Answer {
    std::string sender;
    std::string message_id;
  };

  void run(const std::stop_token& stop) {
    std::vector<Answer> batch;
    std::string topic, payload;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [&] { return !queued_.empty(); })) return;
        batch.clear();
        batch.swap(queued_);
      }
      for (const Answer& answer : batch) {
        topic = wire::topic_for(topic_root_, answer.sender);
        wire::encode_status_into(payload, answer.message_id, domain::Status::received_by_server, wire::kServerUser, {});
        while (client_.connected() && !client_.publish(topic, payload, 0)) std::this_thread::sleep_for(kRetry);
      }
    }
  }

  mqtt::Client& client_;
  const std::string topic_root_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Answer> queued_;
  std::jthread thread_;
};

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
  std::optional<Answers> answers;
  if (settings.answer) answers.emplace(client, settings.topic_root);
  client.on_message([&](const mqtt::Message& message) {
    if (answers) answers->add(message.payload);
    if (++counted == settings.count) last_at.set_value(now_us());
    return true;
  });
  require(client.connect());
  require(client.subscribe(wire::subscription_for_everything(settings.topic_root), 1, /*no_local=*/true));
  subscribed();
  const std::int64_t at = last_at.get_future().get();
  answers.reset();  // after the last of them
  client.disconnect();
  return at;
}

}  // namespace hermes::bench
