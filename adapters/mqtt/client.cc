// Over the C library (MQTTAsync) and not over its C++ wrapper: paho.mqtt.cpp 1.2 copies every message into shared objects and
// looks for the token of every publish in a list (async_client::remove_token), which costs more than all the rest of an
// acknowledgement.
//
// How a message that was not taken stays unacknowledged: paho C 1.3 sends the PUBACK whatever messageArrived returns (a 0 only
// makes it keep the message in memory). So the socket is shut down inside the callback: the PUBACK cannot leave, paho finds the
// connection lost, and the broker delivers the message again to the resumed session (MQTT 5, 4.4).
//
// paho calls back with its global lock held: nothing here calls it while it holds a lock that a callback takes (handle.h).
#include "adapters/mqtt/client.h"

#include <MQTTAsync.h>
#include <netdb.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "adapters/mqtt/broker_sockets.h"
#include "adapters/mqtt/connect_options.h"
#include "adapters/mqtt/handle.h"
#include "adapters/mqtt/outcome.h"

namespace hermes::mqtt {
namespace {

// How long a disconnect waits for what is under way.
constexpr std::chrono::milliseconds kDisconnectTimeout{1'000};
// What may pass between the connect timeout and paho's telling us of it: it looks every few seconds.
constexpr std::chrono::seconds kOutcomeSlack{10};

bool has_address(const std::string& host) {
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, nullptr, &found);
  if (code == 0) ::freeaddrinfo(found);
  return code == 0;
}

struct Subscription {
  std::string filter;
  int qos;
  bool no_local;
};

}  // namespace

class Client::Impl final : private HandleEvents {
  // Whose handler runs on this thread.
  static inline thread_local const Impl* handling_ = nullptr;

 public:
  explicit Impl(Settings settings)
      : settings_(std::move(settings)), handle_("tcp://" + where(), settings_.client_id, *this) {
    keeper_ = std::thread([this] { keep_connected(); });
  }

  ~Impl() {
    {
      std::lock_guard lock(mutex_);
      wanted_ = false;
      stopping_ = true;
    }
    changed_.notify_all();
    keeper_.join();
  }

  Result<Done, Error> connect() {
    std::unique_lock lock(mutex_);
    wanted_ = true;
    const auto attempt = attempts_ended_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return up_ || attempts_ended_ != attempt || stopping_; });
    if (up_) return Done{};
    wanted_ = false;
    changed_.notify_all();
    std::string problem = last_problem_;
    std::string advice = last_refused_ ? "Are MQTT_USERNAME and MQTT_PASSWORD right?" : "Is it running, and are host and port right?";
    lock.unlock();
    // paho has one word for all that may fail before there is a socket.
    if (problem == describe(MQTTASYNC_FAILURE) && !has_address(settings_.host)) {
      problem = "unknown host name";
      advice = "Is MQTT_BROKER_HOST right?";
    }
    return fail(Error{"cannot connect to the MQTT broker at " + where() + ": " + problem + ". " + advice});
  }

  void disconnect() {
    std::unique_lock lock(mutex_);
    wanted_ = false;
    changed_.notify_all();
    changed_.wait(lock, [&] { return (!up_ && !connecting_) || stopping_; });
  }

  void set_paused(bool paused) {
    std::lock_guard lock(mutex_);
    pause_asked_ = paused && handling_ == this;  // by the handler: once it has returned, and its refusal is carried out
    if (!pause_asked_) paused_ = paused;
    changed_.notify_all();
  }

  bool connected() const { return up_; }

  Grants grants() {
    std::lock_guard lock(mutex_);
    return grants_;
  }

  Result<int, Error> subscribe(const std::string& filter, int qos, bool no_local) {
    const Subscription wish{filter, qos, no_local};
    {
      std::lock_guard lock(mutex_);
      std::erase_if(subscriptions_, [&](const Subscription& known) { return known.filter == filter; });
      subscriptions_.push_back(wish);
    }
    auto outcome = std::make_shared<Outcome>();
    if (int code = send_subscribe(wish, outcome); code != MQTTASYNC_SUCCESS) {
      return fail(Error{"cannot subscribe to " + filter + " at " + where() + ": " + describe(code)});
    }
    auto problem = outcome->wait(settings_.connect_timeout + kOutcomeSlack);
    if (problem && problem->empty()) return outcome->reason_code();
    return fail(
        Error{"cannot subscribe to " + filter + " at " + where() + ": " + problem.value_or("no answer from the broker")});
  }

  Result<Done, Error> publish(std::string_view topic, std::string_view payload, int qos, bool retained,
                              MQTTAsync_responseOptions* options) {
    const int code = handle_.send(topic, payload, qos, retained, options);
    if (code == MQTTASYNC_SUCCESS) return Done{};
    if (code == MQTTASYNC_DISCONNECTED) return fail(Error{"cannot publish: not connected to the MQTT broker at " + where()});
    return fail(Error{"cannot publish to " + std::string(topic) + " at " + where() + ": " + describe(code)});
  }

  Result<Done, Error> publish_and_wait(std::string_view topic, std::string_view payload, int qos,
                                       std::chrono::milliseconds timeout) {
    auto outcome = std::make_shared<Outcome>();
    MQTTAsync_responseOptions options = telling(outcome);
    if (auto published = publish(topic, payload, qos, false, &options); !published) {
      forget(options);
      return published;
    }
    auto problem = outcome->wait(timeout);
    if (problem && problem->empty()) return Done{};
    return fail(Error{"the MQTT broker at " + where() + " did not take the message: " +
                      problem.value_or("no answer within " + std::to_string(timeout.count()) + " ms")});
  }

  void gather_packets(bool on) {
    if (gathering_.exchange(on) != on) set_small_packets(settings_.port, on ? SmallPackets::gathered : SmallPackets::at_once);
  }

  MessageHandler message_handler;
  ConnectedHandler connected_handler;
  DisconnectedHandler disconnected_handler;

 private:
  std::string where() const { return settings_.host + ":" + std::to_string(settings_.port); }

  int send_subscribe(const Subscription& wish, const std::shared_ptr<Outcome>& outcome) {
    MQTTAsync_responseOptions options = telling(outcome);
    options.subscribeOptions.noLocal = wish.no_local ? 1 : 0;
    const int code = handle_.subscribe(wish.filter, wish.qos, options);
    if (code != MQTTASYNC_SUCCESS) forget(options);
    return code;
  }

  // ---- paho's thread ----

  void arrived(char* topic, int topic_bytes, MQTTAsync_message* message) override {
    bool taken = false;
    if (!refusing_) {  // once one was refused, what lies behind it in the socket's buffer waits its turn too: order is kept
      const std::size_t bytes = topic_bytes > 0 ? static_cast<std::size_t>(topic_bytes) : std::char_traits<char>::length(topic);
      const Message view{{topic, bytes},
                         {static_cast<const char*>(message->payload), static_cast<std::size_t>(message->payloadlen)},
                         message->qos,
                         message->retained != 0};
      handling_ = this;
      taken = !message_handler || message_handler(view);
      handling_ = nullptr;
    }
    if (!taken) refuse();
    if (pause_asked_) pause_now();
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
  }

  void refuse() {
    refusing_ = true;
    // Without the socket the PUBACK would go out for a message that nobody has. To die is the safe way: the broker has it.
    if (shut_down_connections_to_port(settings_.port) == 0) std::abort();
  }

  void pause_now() {
    std::lock_guard lock(mutex_);
    if (!pause_asked_.exchange(false)) return;  // resumed meanwhile
    paused_ = true;
    changed_.notify_all();
  }

  void came_up(bool session_present, MQTTProperties& properties) {
    gathering_ = false;
    set_small_packets(settings_.port, SmallPackets::at_once);
    std::vector<Subscription> to_renew;
    {
      std::lock_guard lock(mutex_);
      grants_ = grants_of(properties, settings_);
      connecting_ = false;
      up_ = true;
      end_told_ = false;
      ever_connected_ = true;
      up_since_ = std::chrono::steady_clock::now();
      ++attempts_ended_;
      if (!session_present) to_renew = subscriptions_;
      changed_.notify_all();
    }
    // A subscription that the broker refuses now was granted before: if it does not come back, the connection is given up
    // and tried again, for a deaf client looks healthy.
    for (const Subscription& subscription : to_renew) {
      MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
      options.subscribeOptions.noLocal = subscription.no_local ? 1 : 0;
      options.context = this;
      options.onFailure5 = [](void* self, MQTTAsync_failureData5*) {
        shut_down_connections_to_port(static_cast<Impl*>(self)->settings_.port);
      };
      handle_.subscribe_from_callback(subscription.filter, subscription.qos, options);
    }
    if (connected_handler) connected_handler(session_present);
  }

  void failed_to_connect(std::string problem, bool refused) {
    std::lock_guard lock(mutex_);
    last_refused_ = refused;
    connecting_ = false;
    last_problem_ = std::move(problem);
    ++attempts_ended_;
    changed_.notify_all();
  }

  void told_to_leave(MQTTReasonCodes reason) override {
    const char* text = MQTTReasonCode_toString(reason);
    const bool leaves = reason == MQTTREASONCODE_SESSION_TAKEN_OVER && settings_.leave_session_to_another;
    ended({leaves ? Disconnection::Cause::session_left_to_another : Disconnection::Cause::connection_lost,
           "the broker closed the session: " + (text ? text : std::to_string(reason))});
  }

  void lost(const char* cause) override { ended({Disconnection::Cause::connection_lost, cause ? cause : "connection lost"}); }

  void ended(Disconnection end) {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(end_told_, true)) return;
      if (end.cause == Disconnection::Cause::session_left_to_another) wanted_ = false;
      up_ = false;
      changed_.notify_all();
    }
    if (refusing_) end = {Disconnection::Cause::message_not_taken, "a message could not be taken"};
    if (disconnected_handler) disconnected_handler(end);
  }

  // ---- the keeper's thread: makes the connection, makes it again, and ends it ----

  void keep_connected() {
    std::minstd_rand random{std::random_device{}()};
    auto back_off = settings_.reconnect_min;
    std::unique_lock lock(mutex_);
    while (true) {
      const bool want_up = wanted_ && !paused_ && !stopping_;
      if (up_ && refusing_) {
        // Its socket is shut down, and lost() will tell. To take leave of it would be waited for in vain.
        if (!changed_.wait_for(lock, kOutcomeSlack, [&] { return !up_.load(); })) up_ = false;
        changed_.notify_all();
      } else if (up_ && !want_up) {
        lock.unlock();
        end_connection();
        lock.lock();
        back_off = settings_.reconnect_min;
      } else if (!up_ && want_up) {
        const auto ended_before = attempts_ended_;
        lock.unlock();
        start_connection();
        lock.lock();
        if (!changed_.wait_for(lock, settings_.connect_timeout + kOutcomeSlack,
                               [&] { return attempts_ended_ != ended_before; })) {
          connecting_ = false;
          last_problem_ = "no answer";
          last_refused_ = false;
          ++attempts_ended_;
          refusing_ = true;  // the handle is in an unknown state: replaced before the next attempt
          changed_.notify_all();
        }
        // A connection that does not last counts as a failure: two clients with one id would otherwise chase each other.
        if (up_) {
          changed_.wait(lock, [&] { return !up_ || !wanted_ || paused_ || stopping_; });
          if (std::chrono::steady_clock::now() - up_since_ > settings_.reconnect_max) back_off = settings_.reconnect_min;
          if (up_) continue;
          // Lost because the handler refused a message and paused us: no failure of the broker, and resume() is waited for.
          if (paused_) {
            back_off = settings_.reconnect_min;
            continue;
          }
        }
        if (!wanted_) continue;  // the first connect() fails at once and is not tried again
        const auto wait = back_off / 2 + std::chrono::milliseconds(random() % static_cast<unsigned>(back_off.count() / 2 + 1));
        changed_.wait_for(lock, wait, [&] { return !wanted_ || stopping_; });
        back_off = std::min(back_off * 2, settings_.reconnect_max);
      } else if (stopping_) {
        return;
      } else {
        changed_.wait(lock, [&] { return stopping_ || up_ != (wanted_ && !paused_); });
      }
    }
  }

  void start_connection() {
    if (refusing_) {
      handle_.replace();
      refusing_ = false;
    }
    bool clean_start = false;
    {
      std::lock_guard lock(mutex_);
      connecting_ = true;
      clean_start = settings_.clean_start && !ever_connected_;
    }
    ConnectOptions options(settings_, clean_start);
    options.paho.context = this;
    options.paho.onSuccess5 = [](void* self, MQTTAsync_successData5* data) {
      static_cast<Impl*>(self)->came_up(data->alt.connect.sessionPresent != 0, data->properties);
    };
    options.paho.onFailure5 = [](void* self, MQTTAsync_failureData5* data) {
      static_cast<Impl*>(self)->failed_to_connect(describe(data), is_refusal(data));
    };
    const int code = handle_.connect(options.paho);
    if (code != MQTTASYNC_SUCCESS) failed_to_connect(describe(code), false);
  }

  void end_connection() {
    auto outcome = std::make_shared<Outcome>();
    MQTTAsync_responseOptions telling_options = telling(outcome);
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    options.timeout = static_cast<int>(kDisconnectTimeout.count());
    options.context = telling_options.context;
    options.onSuccess5 = telling_options.onSuccess5;
    options.onFailure5 = telling_options.onFailure5;
    if (handle_.disconnect(options) == MQTTASYNC_SUCCESS) {
      if (!outcome->wait(kDisconnectTimeout + kOutcomeSlack)) refusing_ = true;
    } else {
      forget(telling_options);
    }
    std::lock_guard lock(mutex_);
    up_ = false;
    changed_.notify_all();
  }

  const Settings settings_;
  std::atomic<bool> refusing_ = false;  // a message was not taken: this handle is finished

  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;
  bool paused_ = false;
  std::atomic<bool> pause_asked_ = false;  // written under mutex_
  bool stopping_ = false;
  bool connecting_ = false;
  bool ever_connected_ = false;
  std::atomic<bool> up_ = false;
  std::atomic<bool> gathering_ = false;
  std::chrono::steady_clock::time_point up_since_;
  std::uint64_t attempts_ended_ = 0;
  std::string last_problem_;
  bool last_refused_ = false;  // by the broker, for who asked
  bool end_told_ = false;  // of the present connection
  Grants grants_;
  std::vector<Subscription> subscriptions_;
  Handle handle_;  // after what its callbacks use
  std::thread keeper_;
};

Client::Client(Settings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
Client::~Client() = default;

void Client::on_message(MessageHandler handler) { impl_->message_handler = std::move(handler); }
void Client::on_connected(ConnectedHandler handler) { impl_->connected_handler = std::move(handler); }
void Client::on_disconnected(DisconnectedHandler handler) { impl_->disconnected_handler = std::move(handler); }

Result<Done, Error> Client::connect() { return impl_->connect(); }
bool Client::connected() const { return impl_->connected(); }
Grants Client::grants() const { return impl_->grants(); }
Result<int, Error> Client::subscribe(const std::string& topic_filter, int qos, bool no_local) {
  return impl_->subscribe(topic_filter, qos, no_local);
}
Result<Done, Error> Client::publish(std::string_view topic, std::string_view payload, int qos, bool retained) {
  return impl_->publish(topic, payload, qos, retained, nullptr);
}
Result<Done, Error> Client::publish_and_wait(std::string_view topic, std::string_view payload, int qos,
                                             std::chrono::milliseconds timeout) {
  return impl_->publish_and_wait(topic, payload, qos, timeout);
}
void Client::gather_packets(bool on) { impl_->gather_packets(on); }
void Client::pause() { impl_->set_paused(true); }
void Client::resume() { impl_->set_paused(false); }
void Client::disconnect() { impl_->disconnect(); }

}  // namespace hermes::mqtt
