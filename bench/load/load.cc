#include "bench/load/load.h"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "bench/load/connection.h"

namespace hermes::load {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kPause{500};  // also the grain of pacing and of what is measured
constexpr std::chrono::milliseconds kReconnectEvery{100};
constexpr std::chrono::seconds kPingEvery{20};
constexpr std::size_t kUnsentBytesMax = 256 * 1024;  // written at once; past it the broker is slower than we are
constexpr int kReceivers = 100;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double percentile_ms(std::vector<float>& sorted_ms, double share) {
  if (sorted_ms.empty()) return 0;
  return sorted_ms[std::min(sorted_ms.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted_ms.size())))];
}

struct Message {
  Clock::time_point first_sent;
  Clock::time_point last_sent;
  bool taken = false;
  bool acknowledged = false;
};

struct Sender {
  std::string user;
  Connection connection;
  bool ready = false;
  Clock::time_point reconnect_at{};
  Clock::time_point ping_at{};
};

class Load {
 public:
  Load(const Settings& settings, const std::function<bool()>& stop) : settings_(settings), stop_(stop) {
    for (int i = 0; i < settings_.senders; ++i) {
      senders_.push_back(std::make_unique<Sender>());
      senders_.back()->user = settings_.prefix + "-sender-" + std::to_string(i);
    }
  }

  Report run() {
    connect_all();
    started_ = progress_at_ = again_checked_ = Clock::now();
    while (!done()) {
      reconnect();
      publish_new();
      publish_again();
      exchange();
      if (Clock::now() - progress_at_ > settings_.give_up_after) break;
    }
    return report();
  }

 private:
  void connect_all() {
    for (auto& sender : senders_) open(*sender);
    const Clock::time_point limit = Clock::now() + std::chrono::seconds(30);
    while (!std::all_of(senders_.begin(), senders_.end(), [](const auto& sender) { return sender->ready; })) {
      if (Clock::now() > limit) throw std::runtime_error("the broker did not let the senders in");
      exchange();
    }
  }

  void open(Sender& sender) {
    sender.ready = false;
    sender.connection.open(settings_.port, sender.user);
    sender.ping_at = Clock::now() + kPingEvery;
  }

  void reconnect() {
    const Clock::time_point now = Clock::now();
    for (auto& sender : senders_) {
      if (sender->connection.is_open() || now < sender->reconnect_at) continue;
      try {
        open(*sender);
        ++reconnects_;
      } catch (const std::system_error&) {
        sender->reconnect_at = now + kReconnectEvery;  // the broker is down: a fault that is being tested
      }
    }
  }

  bool stopping() {
    if (!stopping_) {
      const bool time_is_up = settings_.duration && Clock::now() - started_ >= *settings_.duration;
      stopping_ = messages_.size() >= settings_.count || time_is_up || stop_();
    }
    return stopping_;
  }

  bool done() { return stopping() && finished_messages() == messages_.size(); }

  std::uint64_t due() const {
    if (settings_.per_second <= 0) return settings_.count;
    const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
    return std::min<std::uint64_t>(settings_.count, static_cast<std::uint64_t>(seconds * settings_.per_second));
  }

  void publish_new() {
    if (stopping()) return;
    const std::uint64_t until = due();
    while (messages_.size() < until && messages_.size() - finished_messages() < settings_.unacknowledged_max) {
      if (!has_room(sender_of(messages_.size()))) return;
      const Clock::time_point now = Clock::now();
      messages_.push_back({now, now, false, false});
      last_published_ = now;
      publish(messages_.size() - 1);
    }
  }

  std::uint64_t finished_messages() const { return settings_.wait_for_acks ? acknowledged_ : taken_messages_; }

  static bool has_room(const Sender& sender) {
    return sender.ready && sender.connection.room() > 0 && sender.connection.unsent_bytes() < kUnsentBytesMax;
  }

  // Every sender sends what has the same number modulo their count: an acknowledgement comes back to it.
  Sender& sender_of(std::uint64_t number) { return *senders_[number % senders_.size()]; }

  // Requires: has_room(sender_of(number)).
  void publish(std::uint64_t number) {
    Sender& sender = sender_of(number);
    const int receiver = static_cast<int>(number % kReceivers);
    const std::string topic = settings_.topic_root + "/peer-" + std::to_string(receiver);
    sender.connection.publish(topic, payload(number, sender.user, receiver), number);
  }

  std::string payload(std::uint64_t number, const std::string& user, int receiver) const {
    std::string json = R"({"type":"message","message_id":")" + message_id(settings_.prefix, number) + R"(","sender_id":")" +
                       user + R"(","sender_name":"Load","receiver_id":"peer-)" + std::to_string(receiver) +
                       R"(","timestamp":"2026-01-31T12:00:00.000Z","content":")";
    const std::size_t closing = 2;
    if (json.size() + closing < settings_.payload_bytes) json.append(settings_.payload_bytes - json.size() - closing, 'x');
    return json += R"("})";
  }

  // What was lost with a connection, or is not acknowledged in time. Looked for ten times a second: it goes through what is
  // open.
  void publish_again() {
    const Clock::time_point now = Clock::now();
    if (now - again_checked_ < std::chrono::milliseconds(100)) return;
    again_checked_ = now;
    const auto finished = [this](const Message& message) {
      return settings_.wait_for_acks ? message.acknowledged : message.taken;
    };
    while (first_open_ < messages_.size() && finished(messages_[first_open_])) ++first_open_;
    for (std::uint64_t number = first_open_; number < messages_.size(); ++number) {
      Message& message = messages_[number];
      if (finished(message) || now - message.last_sent < settings_.send_again_after || !has_room(sender_of(number))) continue;
      message.last_sent = now;
      publish(number);
      ++sent_again_;
    }
  }

  // A pause, and then everything that has come: a system call for each single PUBACK would cost more than the messages do. What
  // is under way meanwhile (kInFlightMax a sender) is more than any broker handles in the pause.
  void exchange() {
    std::this_thread::sleep_for(kPause);
    for (auto& sender : senders_) {
      if (!sender->connection.is_open()) continue;
      if (Clock::now() >= sender->ping_at) {
        sender->connection.ping();
        sender->ping_at = Clock::now() + kPingEvery;
      }
      if (!sender->connection.send()) {
        sender->ready = false;
        continue;
      }
      receive(*sender);
    }
  }

  void receive(Sender& sender) {
    Connection::Received received;
    if (!sender.connection.receive(received)) {
      sender.ready = false;
      return;
    }
    if (received.connected) {
      if (settings_.wait_for_acks) {
        sender.connection.subscribe(settings_.topic_root + "/" + sender.user);
      } else {
        sender.ready = true;
      }
    }
    if (received.subscribed) sender.ready = true;
    const Clock::time_point now = Clock::now();
    for (const std::uint64_t number : received.taken) {
      ++taken_;
      if (messages_[number].taken) continue;
      messages_[number].taken = true;
      ++taken_messages_;
      progress_at_ = finished_ = now;
    }
    for (const std::string_view text : received.payloads) acknowledge(text, now);
  }

  // {"type":"status","message_id":"PREFIX-123","status":"received_by_server",...}
  void acknowledge(std::string_view text, Clock::time_point now) {
    if (text.find(R"("received_by_server")") == std::string_view::npos) return;
    const std::string key = R"("message_id":")" + settings_.prefix + "-";
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) return;
    std::uint64_t number = 0;
    const char* begin = text.data() + at + key.size();
    if (std::from_chars(begin, text.data() + text.size(), number).ec != std::errc{} || number >= messages_.size()) return;
    Message& message = messages_[number];
    if (message.acknowledged) return;
    message.acknowledged = true;
    ++acknowledged_;
    progress_at_ = finished_ = now;
    ack_ms_.push_back(std::chrono::duration<float, std::milli>(now - message.first_sent).count());
  }

  Report report() {
    if (!settings_.witness_file.empty()) {
      std::ofstream witness(settings_.witness_file);
      for (std::uint64_t number = 0; number < messages_.size(); ++number) {
        if (messages_[number].acknowledged) witness << message_id(settings_.prefix, number) << "\n";
      }
      if (!witness.flush()) throw std::runtime_error("cannot write " + settings_.witness_file.string());
    }
    for (auto& sender : senders_) {
      sender->connection.leave();
      sender->connection.send();
    }
    std::sort(ack_ms_.begin(), ack_ms_.end());
    Report report;
    report.started_us = std::chrono::duration_cast<std::chrono::microseconds>(started_.time_since_epoch()).count();
    report.published = messages_.size();
    report.taken = taken_;
    report.acknowledged = acknowledged_;
    report.sent_again = sent_again_;
    report.reconnects = reconnects_;
    report.publish_seconds = std::chrono::duration<double>(last_published_ - started_).count();
    report.seconds = std::chrono::duration<double>(finished_ - started_).count();
    report.cpu_seconds = cpu_seconds();
    report.ack_ms_p50 = percentile_ms(ack_ms_, 0.5);
    report.ack_ms_p99 = percentile_ms(ack_ms_, 0.99);
    report.ack_ms_max = ack_ms_.empty() ? 0 : ack_ms_.back();
    report.complete = done();
    return report;
  }

  const Settings& settings_;
  const std::function<bool()>& stop_;
  std::vector<std::unique_ptr<Sender>> senders_;
  std::deque<Message> messages_;
  std::uint64_t first_open_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t taken_messages_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t sent_again_ = 0;
  std::uint64_t reconnects_ = 0;
  bool stopping_ = false;
  std::vector<float> ack_ms_;
  Clock::time_point started_{};
  Clock::time_point last_published_{};
  Clock::time_point finished_{};
  Clock::time_point progress_at_{};
  Clock::time_point again_checked_{};
};

}  // namespace

std::string message_id(const std::string& prefix, std::uint64_t number) { return prefix + "-" + std::to_string(number); }

Report run(const Settings& settings, const std::function<bool()>& stop) { return Load(settings, stop).run(); }

}  // namespace hermes::load
