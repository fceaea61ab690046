#include "adapters/mqtt/client.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/mqtt/connection.h"
#include "adapters/mqtt/in_flight.h"
#include "adapters/mqtt/reason_code.h"
#include "adapters/mqtt/subscriptions.h"
#include "adapters/mqtt/topic.h"
#include "adapters/mqtt/waiting_pubacks.h"
#include "base/host_and_port.h"

namespace hermes::mqtt {
namespace {

using Clock = std::chrono::steady_clock;

// How long a disconnect waits for packets under way.
constexpr std::chrono::milliseconds kDisconnectTimeout{1'000};
// When an answer is overdue, the connection ends and wakes the waiting threads. This longer limit is for a client whose own
// thread is held up.
constexpr std::chrono::minutes kAnswerTimeout{6};
// Publishes at QoS 1 under way at once, if the broker allows as many.
constexpr std::size_t kUnderWayMax = 1'000;

Disconnection lost(std::string reason) { return {Disconnection::Cause::connection_lost, std::move(reason)}; }
Disconnection not_subscribed(std::string reason) { return {Disconnection::Cause::not_subscribed, std::move(reason)}; }

}  // namespace

// One thread makes the connection, serves it, and makes it again. Other threads note their requests under mutex_ and wake it.
class Client::Impl {
 public:
  explicit Impl(Settings settings) : settings_(std::move(settings)) {
    thread_ = std::thread([this] { run(); });
  }

  ~Impl() {
    change([&] {
      wanted_ = false;
      stopping_ = true;
    });
    thread_.join();
    in_flight_.give_up("the client has ended");
  }

  MessagesHandler messages_handler;
  ConnectedHandler connected_handler;
  DisconnectedHandler disconnected_handler;
  AttemptFailedHandler attempt_failed_handler;

  // ---- any thread ----

  Result<Done, Error> connect() {
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

  void disconnect() {
    std::unique_lock lock(mutex_);
    wanted_ = false;
    wake();
    changed_.wait(lock, [&] { return (!up_ && !connecting_) || stopping_; });
  }

  void set_paused(bool paused) {
    change([&] { paused_ = paused; });
  }

  bool connected() const { return up_; }

  Grants grants() {
    std::lock_guard lock(mutex_);
    return grants_;
  }

  Result<int, Error> subscribe(const std::string& filter, int qos, bool no_local, Retained retained) {
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

  Result<Done, Error> unsubscribe(const std::string& filter) {
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

  bool subscribed() {
    std::lock_guard lock(mutex_);
    return up_ && subscriptions_.granted();
  }

  Result<Done, Error> publish(std::string_view topic, std::string_view payload, int qos, bool retained, OutcomePtr outcome) {
    const Publish publish{.topic = topic, .payload = payload, .qos = qos, .retained = retained};
    const auto failed = [&](const std::string& why) {
      return fail(Error{"cannot publish to " + std::string(topic) + " at " + where() + ": " + why});
    };
    // The broker would drop the connection because of it, and at QoS 1 each later one, too.
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

  Result<Done, Error> publish_and_wait(std::string_view topic, std::string_view payload, int qos,
                                       std::chrono::milliseconds timeout) {
    const auto outcome = std::make_shared<Outcome>();
    if (auto published = publish(topic, payload, qos, false, outcome); !published) return published;
    if (qos == 0) return Done{};
    const auto problem = outcome->wait(timeout);
    if (problem && problem->empty()) return Done{};
    return fail(Error{"the MQTT broker at " + where() + " did not take the message: " +
                      problem.value_or("no answer within " + std::to_string(timeout.count()) + " ms")});
  }

 private:
  std::string not_connected(const Connection::Problem& problem) const {
    return "cannot connect to the MQTT broker at " + where() + ": " + problem.message + ". " + problem.advice();
  }

  std::string where() const { return host_and_port(settings_.host, settings_.port); }

  // Requires: mutex_. Wakes only once until the thread has looked, because waking costs a system call.
  void wake() {
    changed_.notify_all();
    if (!std::exchange(woken_, true)) wake_up_.set();
  }

  template <class Change>
  void change(const Change& make_change) {
    std::lock_guard lock(mutex_);
    make_change();
    wake();
  }

  // ---- the client's thread ----

  bool wants_up() const { return wanted_ && !paused_ && !stopping_; }  // Requires: mutex_

  void run() {
    std::minstd_rand random{std::random_device{}()};
    auto back_off = settings_.reconnect_min;
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || wants_up(); });
      if (stopping_) return;
      connecting_ = true;
      woken_ = false;  // the last connection may have ended with the wake-up seen, but not handled
      lock.unlock();
      const Clock::duration lasted = connect_and_serve();
      lock.lock();
      // A connection that does not last counts as a failure: two clients with one id would otherwise chase each other. A
      // connection that this client ended (paused because a message could not be taken, or not wanted) does not count.
      if (lasted > settings_.reconnect_max || !wants_up()) back_off = settings_.reconnect_min;
      if (!wants_up()) continue;
      const auto wait = back_off / 2 + std::chrono::milliseconds(random() % static_cast<unsigned>(back_off.count() / 2 + 1));
      changed_.wait_for(lock, wait, [&] { return !wanted_ || stopping_; });
      back_off = std::min(back_off * 2, settings_.reconnect_max);
    }
  }

  // Returns how long the connection lasted.
  Clock::duration connect_and_serve() {
    const bool clean_start = settings_.clean_start && !ever_connected_;
    auto connection = Connection::open(settings_, clean_start, wake_up_, [this] { return !still_wanted(); });
    if (!connection) {
      change([&] {
        connecting_ = false;
        last_problem_ = connection.error();
        ++attempts_ended_;
      });
      ++attempts_failed_;
      if (ever_connected_ && still_wanted() && attempt_failed_handler)
        attempt_failed_handler(
            {.reason = not_connected(connection.error()), .attempts = attempts_failed_, .since = down_since_});
      return {};
    }
    ever_connected_ = true;
    attempts_failed_ = 0;
    came_up(*connection);
    const Clock::time_point up_since = Clock::now();
    const Disconnection end = serve(*connection);
    down_since_ = Clock::now();
    went_down(end);
    return Clock::now() - up_since;
  }

  bool still_wanted() {
    std::lock_guard lock(mutex_);
    woken_ = false;
    return wants_up();
  }

  void came_up(const Connection& connection) {
    const bool session_present = connection.connack().session_present;
    {
      std::lock_guard lock(mutex_);
      grants_ = connection.grants(settings_.session_expiry);
      connecting_ = false;
      up_ = true;
      in_flight_.connected(session_present);
      subscriptions_.connected(unsent_, session_present, Clock::now());
      ++attempts_ended_;
      changed_.notify_all();
    }
    if (connected_handler) connected_handler(session_present);
  }

  void went_down(const Disconnection& end) {
    const bool wanted = [&] {
      std::lock_guard lock(mutex_);
      if (end.cause == Disconnection::Cause::session_left_to_another) wanted_ = false;
      up_ = false;
      unsent_.clear();
      subscriptions_.give_up(end.reason);
      changed_.notify_all();
      return !left_;
    }();
    if (wanted && disconnected_handler) disconnected_handler(end);
  }

  // Serves until the connection ends or is not wanted any more.
  Disconnection serve(Connection& connection) {
    left_ = false;
    pubacks_.clear();
    std::optional<Clock::time_point> leave_by;  // once it is not wanted any more
    for (;;) {
      if (auto end = take_what_came(connection, leave_by.has_value())) {
        if (end->cause == Disconnection::Cause::message_not_taken) leave(connection);
        return *end;
      }
      const bool wanted = hand_over(connection);
      // Once it leaves, it leaves even if it is wanted again: messages were skipped, and come again on the next connection.
      if (!wanted && !leave_by) leave_by = Clock::now() + kDisconnectTimeout;
      if (leave_by && (Clock::now() >= *leave_by || nothing_under_way())) {
        leave(connection);
        left_ = true;
        return lost("disconnected");
      }
      if (Clock::now() >= answer_due_) return not_subscribed("the broker does not answer to a subscription");
      const Clock::time_point left = std::min(leave_by.value_or(Clock::time_point::max()), answer_due_);
      // While there is a backlog, nothing is handed over, even if PUBACKs are due.
      if (auto exchanged = connection.exchange(connection.has_backlog() ? left : std::min(left, pubacks_.due())); !exchanged)
        return lost(exchanged.error());
    }
  }

  // Messages that were taken are acknowledged first.
  void leave(Connection& connection) {
    pubacks_.take_all(connection.out());
    connection.leave();
  }

  // Hands the packets of other threads to the connection, unless it has a backlog: then they wait here, where publish() counts
  // them. Returns whether the connection is still wanted.
  bool hand_over(Connection& connection) {
    std::lock_guard lock(mutex_);
    woken_ = false;
    answer_due_ = subscriptions_.overdue_at();
    if (connection.has_backlog()) return wants_up();
    std::string& out = connection.out();
    if (out.empty()) {
      out.swap(unsent_);
    } else {
      out += unsent_;
      unsent_.clear();
    }
    in_flight_.send_more(out, std::min<std::size_t>(kUnderWayMax, grants_.receive_maximum));
    pubacks_.take(out, connection.room(), Clock::now());
    return wants_up();
  }

  bool nothing_under_way() {
    std::lock_guard lock(mutex_);
    return in_flight_.empty();
  }

  // Handles every packet that has come, all messages together. `leaving`: messages are left to the broker's session.
  std::optional<Disconnection> take_what_came(Connection& connection, bool leaving) {
    messages_.clear();
    packet_ids_.clear();
    std::optional<Disconnection> end;
    while (!end) {
      auto packet = connection.next();
      if (!packet) end = lost(packet.error().what);
      if (!packet || !*packet) break;
      if (const auto* publish = std::get_if<Publish>(&**packet)) {
        if (leaving) continue;
        messages_.push_back({publish->topic, publish->payload, publish->qos, publish->retained});
        packet_ids_.push_back(publish->packet_id);
      } else if (const auto* puback = std::get_if<Puback>(&**packet)) {
        acknowledged(*puback);
      } else if (const auto* suback = std::get_if<Suback>(&**packet)) {
        if (auto problem = answered(*suback); !problem.empty()) end = not_subscribed(std::move(problem));
      } else if (const auto* unsuback = std::get_if<Unsuback>(&**packet)) {
        answered(*unsuback);
      } else if (const auto* disconnect = std::get_if<Disconnect>(&**packet)) {
        end = told_to_leave(disconnect->reason);
      }
    }
    // Messages that came before the end of the connection are still handled.
    if (messages_.empty()) return end;
    if (answer_due_ != Clock::time_point::max()) heard_messages();
    const std::size_t taken = messages_handler ? messages_handler(messages_) : messages_.size();
    const Clock::time_point now = Clock::now();
    for (std::size_t i = 0; i < std::min(taken, messages_.size()); ++i) {
      if (messages_[i].qos > 0) pubacks_.add(packet_ids_[i], now);
    }
    if (!end && taken < messages_.size()) end = {Disconnection::Cause::message_not_taken, "a message could not be taken"};
    return end;
  }

  void acknowledged(const Puback& puback) {
    std::lock_guard lock(mutex_);
    static_cast<void>(
        in_flight_.acknowledged(puback.packet_id, puback.reason));  // of an unknown packet: the broker's mistake, but harmless
  }

  std::string answered(const Suback& suback) {
    std::lock_guard lock(mutex_);
    return subscriptions_.answered(suback);
  }

  void answered(const Unsuback& unsuback) {
    std::lock_guard lock(mutex_);
    subscriptions_.answered(unsuback);
  }

  void heard_messages() {
    std::lock_guard lock(mutex_);
    subscriptions_.heard_messages(Clock::now());
  }

  Disconnection told_to_leave(std::uint8_t reason) const {
    Disconnection::Cause cause = Disconnection::Cause::connection_lost;
    if (reason == kSessionTakenOver) {
      cause = settings_.leave_session_to_another ? Disconnection::Cause::session_left_to_another
                                                 : Disconnection::Cause::session_taken_over;
    }
    return {cause, "the broker closed the session: " + describe(reason)};
  }

  const Settings settings_;
  WakeUp wake_up_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;  // wake_up_ is set, or about to be
  bool wanted_ = false;
  bool paused_ = false;
  bool stopping_ = false;
  bool connecting_ = false;
  std::atomic<bool> up_ = false;  // written under mutex_
  std::uint64_t attempts_ended_ = 0;
  Connection::Problem last_problem_;
  Grants grants_;
  Subscriptions subscriptions_{settings_.subscribe_timeout};
  std::string unsent_;
  InFlight in_flight_;

  // Only for the client's thread.
  bool ever_connected_ = false;
  std::uint64_t attempts_failed_ = 0;  // since the last connection
  Clock::time_point down_since_;
  bool left_ = false;  // this client ended the connection
  Clock::time_point answer_due_;
  std::vector<Message> messages_;
  std::vector<PacketId> packet_ids_;
  WaitingPubacks pubacks_{settings_.puback_wait_max};

  std::thread thread_;
};

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
