#include "adapters/mqtt/client.h"

#include <algorithm>
#include <utility>

#include "adapters/mqtt/client_impl.h"
#include "adapters/mqtt/topic.h"

namespace hermes::mqtt {
namespace {

// The connection ends when an answer is overdue, and tells who waits: this is for a client whose thread is held up.
constexpr std::chrono::minutes kAnswerTimeout{6};

}  // namespace

// ---- what is asked for, by any thread ----

Client::Impl::Impl(Settings settings) : settings_(std::move(settings)) {
  thread_ = std::thread([this] { run(); });
}

Client::Impl::~Impl() {
  change([&] {
    wanted_ = false;
    stopping_ = true;
  });
  thread_.join();
  in_flight_.give_up("the client has ended");
}

Result<Done, Error> Client::Impl::connect() {
  std::unique_lock lock(mutex_);
  const auto attempt = attempts_ended_;
  wanted_ = true;
  wake();
  changed_.wait(lock, [&] { return up_ || attempts_ended_ != attempt || stopping_; });
  if (up_) return Done{};
  wanted_ = false;
  wake();
  return fail(Error{not_connected(last_problem_)});
}

void Client::Impl::disconnect() {
  std::unique_lock lock(mutex_);
  wanted_ = false;
  wake();
  changed_.wait(lock, [&] { return (!up_ && !connecting_) || stopping_; });
}

void Client::Impl::set_paused(bool paused) {
  change([&] { paused_ = paused; });
}

Grants Client::Impl::grants() {
  std::lock_guard lock(mutex_);
  return grants_;
}

Result<int, Error> Client::Impl::subscribe(const std::string& filter, int qos, bool no_local, Retained retained) {
  const auto failed = [&](const std::string& why) {
    return fail(Error{"cannot subscribe to " + filter + " at " + where() + ": " + why});
  };
  const auto outcome = std::make_shared<Outcome>();
  {
    std::lock_guard lock(mutex_);
    subscriptions_.want({.filter = filter, .qos = qos, .no_local = no_local, .with_retained = retained == Retained::sent});
    if (!up_) return failed("not connected");
    subscriptions_.ask(unsent_, filter, outcome, Clock::now());
    wake();
  }
  const auto problem = outcome->wait(kAnswerTimeout);
  if (!problem) return failed("no answer from the broker");
  if (!problem->empty()) return failed(*problem);
  return outcome->reason();
}

Result<Done, Error> Client::Impl::unsubscribe(const std::string& filter) {
  const auto failed = [&](const std::string& why) {
    return fail(Error{"cannot end the subscription to " + filter + " at " + where() + ": " + why});
  };
  const auto outcome = std::make_shared<Outcome>();
  {
    std::lock_guard lock(mutex_);
    subscriptions_.want_no_more(filter);
    if (!up_) return failed("not connected");
    subscriptions_.ask_to_end(unsent_, filter, outcome, Clock::now());
    wake();
  }
  const auto problem = outcome->wait(kAnswerTimeout);
  if (!problem) return failed("no answer from the broker");
  if (!problem->empty()) return failed(*problem);
  return Done{};
}

bool Client::Impl::subscribed() {
  std::lock_guard lock(mutex_);
  return up_ && subscriptions_.granted();
}

Result<Done, Error> Client::Impl::publish(std::string_view topic, std::string_view payload, int qos, bool retained,
                                          OutcomePtr outcome) {
  const Publish publish{.topic = topic, .payload = payload, .qos = qos, .retained = retained};
  const auto failed = [&](const std::string& why) {
    return fail(Error{"cannot publish to " + std::string(topic) + " at " + where() + ": " + why});
  };
  // The broker would drop the connection for it, and at QoS 1 each one to come.
  if (const auto problem = problem_of_topic(topic)) return failed("the topic " + *problem);
  std::lock_guard lock(mutex_);
  if (!up_) return fail(Error{"cannot publish: not connected to the MQTT broker at " + where()});
  const std::size_t bytes_max = grants_.maximum_packet_bytes.value_or(kPacketBytesMax);
  if (publish_bytes(publish) > bytes_max)
    return failed("the broker takes packets of at most " + std::to_string(bytes_max) + " bytes");
  if (qos == 0) {
    if (unsent_.size() >= kUnsentBytesMax) return failed("the broker takes messages too slowly");
    append_publish(unsent_, publish);
  } else {
    if (in_flight_.full()) return failed("too many messages are under way");
    in_flight_.add(topic, payload, retained, std::move(outcome));
  }
  wake();
  return Done{};
}

Result<Done, Error> Client::Impl::publish_and_wait(std::string_view topic, std::string_view payload, int qos,
                                                   std::chrono::milliseconds timeout) {
  const auto outcome = std::make_shared<Outcome>();
  if (auto published = publish(topic, payload, qos, false, outcome); !published) return published;
  if (qos == 0) return Done{};
  const auto problem = outcome->wait(timeout);
  if (problem && problem->empty()) return Done{};
  return fail(Error{"the MQTT broker at " + where() + " did not take the message: " +
                    problem.value_or("no answer within " + std::to_string(timeout.count()) + " ms")});
}

std::string Client::Impl::not_connected(const Connection::Problem& problem) const {
  return "cannot connect to the MQTT broker at " + where() + ": " + problem.message + ". " + problem.advice();
}

// ---- the public face ----

Client::Client(Settings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
Client::~Client() = default;

void Client::on_messages(MessagesHandler handler) { impl_->messages_handler = std::move(handler); }
void Client::on_message(MessageHandler handler) {
  on_messages([handler = std::move(handler)](std::span<const Message> messages) {
    const auto refused = std::ranges::find_if_not(messages, handler);
    return static_cast<std::size_t>(refused - messages.begin());
  });
}
void Client::on_connected(ConnectedHandler handler) { impl_->connected_handler = std::move(handler); }
void Client::on_disconnected(DisconnectedHandler handler) { impl_->disconnected_handler = std::move(handler); }

void Client::on_attempt_failed(AttemptFailedHandler handler) { impl_->attempt_failed_handler = std::move(handler); }

Result<Done, Error> Client::connect() { return impl_->connect(); }
bool Client::connected() const { return impl_->connected(); }
Grants Client::grants() const { return impl_->grants(); }
Result<int, Error> Client::subscribe(const std::string& topic_filter, int qos, bool no_local, Retained retained) {
  return impl_->subscribe(topic_filter, qos, no_local, retained);
}
Result<Done, Error> Client::unsubscribe(const std::string& topic_filter) { return impl_->unsubscribe(topic_filter); }
bool Client::subscribed() const { return impl_->subscribed(); }
Result<Done, Error> Client::publish(std::string_view topic, std::string_view payload, int qos, bool retained) {
  return impl_->publish(topic, payload, qos, retained, nullptr);
}
Result<Done, Error> Client::publish_and_wait(std::string_view topic, std::string_view payload, int qos,
                                             std::chrono::milliseconds timeout) {
  return impl_->publish_and_wait(topic, payload, qos, timeout);
}
void Client::pause() { impl_->set_paused(true); }
void Client::resume() { impl_->set_paused(false); }
void Client::disconnect() { impl_->disconnect(); }

}  // namespace hermes::mqtt
