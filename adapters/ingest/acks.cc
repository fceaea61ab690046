#include "adapters/ingest/acks.h"

#include <chrono>
#include <iterator>

#include "adapters/wire/wire.h"
#include "base/wall_clock.h"
#include "domain/mqtt_text.h"

namespace hermes::ingest {
namespace {

// The connection's own queue is full for a moment when the broker reads slower than we write. How often we look again, and when
// we give an acknowledgement up.
constexpr std::chrono::milliseconds kRetry{1};
constexpr int kRetriesMax = 2'000;

}  // namespace

AckPublisher::AckPublisher(Send send, Metrics& metrics, std::string topic_root, std::size_t queued_max)
    : send_(std::move(send)), metrics_(metrics), topic_root_(std::move(topic_root)), queued_max_(queued_max) {
  thread_ = std::thread([this] { run(); });
}

AckPublisher::~AckPublisher() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void AckPublisher::publish(std::vector<Ack>&& acks) {
  if (acks.empty()) return;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return queued_.size() < queued_max_ || stopping_; });
  const bool was_empty = queued_.empty();
  if (was_empty) {
    queued_ = std::move(acks);
  } else {
    queued_.insert(queued_.end(), std::move_iterator(acks.begin()), std::move_iterator(acks.end()));
  }
  if (was_empty) changed_.notify_all();
}

bool AckPublisher::idle() const {
  std::lock_guard lock(mutex_);
  return queued_.empty() && !publishing_;
}

void AckPublisher::run() {
  std::string topic;
  std::string payload;
  std::vector<Ack> batch;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return !queued_.empty() || stopping_; });
    if (queued_.empty()) return;
    batch.clear();
    batch.swap(queued_);
    publishing_ = true;
    changed_.notify_all();
    lock.unlock();
    for (const Ack& ack : batch) publish_one(ack, topic, payload);
    lock.lock();
    publishing_ = false;
  }
}

void AckPublisher::publish_one(const Ack& ack, std::string& topic, std::string& payload) {
  // A sender from before such ids were refused (a spool, a repeated message). The broker would drop the connection for it, and
  // with QoS 1 each of the next ones, too.
  if (domain::what_brokers_refuse(ack.sender)) {
    metrics_.acks_dropped.Increment();
    return;
  }
  const auto now = wall_clock();
  wire::encode_status_into(payload, ack.message_id, domain::Status::received_by_server, wire::kServerUser, now);
  topic.assign(topic_root_).append(1, '/').append(ack.sender);
  for (int attempt = 0; attempt < kRetriesMax; ++attempt) {
    const Sent sent = send_(topic, payload);
    if (sent == Sent::taken) {
      metrics_.acks_published.Increment();
      return;
    }
    if (sent == Sent::not_connected) break;
    std::this_thread::sleep_for(kRetry);
  }
  metrics_.acks_dropped.Increment();
}

}  // namespace hermes::ingest
