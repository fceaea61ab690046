// The inside of mqtt::Client: what others ask for is written down under a mutex (client.cc), and one thread makes the
// connection, serves it, and makes it again (client_thread.cc).
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/mqtt/client.h"
#include "adapters/mqtt/connection.h"
#include "adapters/mqtt/in_flight.h"
#include "adapters/mqtt/subscriptions.h"
#include "adapters/mqtt/waiting_pubacks.h"
#include "base/host_and_port.h"

namespace hermes::mqtt {

class Client::Impl {
 public:
  explicit Impl(Settings settings);
  ~Impl();

  MessagesHandler messages_handler;
  ConnectedHandler connected_handler;
  DisconnectedHandler disconnected_handler;
  AttemptFailedHandler attempt_failed_handler;

  // ---- any thread ----

  Result<Done, Error> connect();
  void disconnect();
  void set_paused(bool paused);
  bool connected() const { return up_; }
  Grants grants();
  Result<int, Error> subscribe(const std::string& filter, int qos, bool no_local, Retained retained);
  Result<Done, Error> unsubscribe(const std::string& filter);
  bool subscribed();
  Result<Done, Error> publish(std::string_view topic, std::string_view payload, int qos, bool retained, OutcomePtr outcome);
  Result<Done, Error> publish_and_wait(std::string_view topic, std::string_view payload, int qos,
                                       std::chrono::milliseconds timeout);

 private:
  using Clock = std::chrono::steady_clock;

  std::string not_connected(const Connection::Problem& problem) const;
  std::string where() const { return host_and_port(settings_.host, settings_.port); }
  // Requires: mutex_. Once until the thread has looked: to wake it costs a system call.
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
  void run();
  // Returns how long the connection was there.
  Clock::duration connect_and_serve();
  bool still_wanted();
  void came_up(const Connection& connection);
  void went_down(const Disconnection& end);
  // Until the connection ends, or is not wanted any more.
  Disconnection serve(Connection& connection);
  // What was taken is acknowledged before.
  void leave(Connection& connection);
  // What others want sent goes to the connection, unless it has a backlog: then it waits here, where publish() sees how much it
  // is. Returns whether the connection is still wanted.
  bool hand_over(Connection& connection);
  bool nothing_under_way();
  // Handles every packet that has come, messages together. `leaving`: messages are left to the broker's session.
  std::optional<Disconnection> take_what_came(Connection& connection, bool leaving);
  void acknowledged(const Puback& puback);
  std::string answered(const Suback& suback);
  void answered(const Unsuback& unsuback);
  void heard_messages();
  Disconnection told_to_leave(std::uint8_t reason) const;

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

  // The thread's own.
  bool ever_connected_ = false;
  std::uint64_t attempts_failed_ = 0;  // since the last connection
  Clock::time_point down_since_;
  bool left_ = false;  // the connection that ended was ended here
  Clock::time_point answer_due_;
  std::vector<Message> messages_;
  std::vector<PacketId> packet_ids_;
  WaitingPubacks pubacks_{settings_.puback_wait_max};

  std::thread thread_;
};

}  // namespace hermes::mqtt
