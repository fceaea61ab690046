// An MQTT 5 client at QoS 0 and 1 (docs/mqtt-client.md). Used by the ingester, the chat client and the tools.
//
// Its own, and not a library's, for what Hermes promises hangs on it: a message is acknowledged to the broker after it was
// taken and not before, and many of them together.
//
// Callbacks run on the client's thread, one at a time, and must not block for long. All other members may be called from any
// thread, and those that do not wait also by callbacks.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "adapters/mqtt/grants.h"
#include "base/result.h"

namespace hermes::mqtt {

struct Settings {
  std::string host = "127.0.0.1";
  std::uint16_t port = 1883;
  std::string client_id;
  bool clean_start = false;                        // false: resume the session the broker kept
  std::chrono::seconds session_expiry{7 * 86400};  // how long the broker keeps it (MQTT 5, 3.1.2.11.2)
  std::uint16_t receive_maximum = 65535;           // unacknowledged messages the broker may have under way to us
  std::uint32_t maximum_packet_bytes = 0;          // the broker drops larger messages to us (MQTT 5, 3.1.2.11.4); 0: any size
  std::chrono::seconds keep_alive{20};
  // How long the broker's bytes are left to gather after some were read: to be woken for each message costs broker and client
  // more than the message does.
  std::chrono::microseconds gather_for{500};
  // How long PUBACKs give way to publishes where the broker is behind: one that falls behind for long must not run out of
  // messages that it may send.
  std::chrono::milliseconds puback_wait_max{1000};
  std::chrono::milliseconds connect_timeout{5000};
  // How long the broker may leave a SUBSCRIBE or an UNSUBSCRIBE without an answer while it sends no message either. Then the
  // connection is made again.
  std::chrono::milliseconds subscribe_timeout{15'000};
  std::chrono::milliseconds reconnect_min{200};  // back-off with jitter between these
  std::chrono::milliseconds reconnect_max{5000};
  // When another client connects with this id, the broker gives it the session (MQTT 5, 3.1.4), and says so: Mosquitto
  // from 2.0.15 on, others for long. True: this one leaves it there until connect(). False: it takes the session back.
  bool leave_session_to_another = false;
  std::string username;
  std::string password;
  // Not empty: the password is the first line of this file, read for each connection, so that a new password needs no restart.
  std::string password_file{};
};

struct Message {
  std::string_view topic;  // valid during the callback only
  std::string_view payload;
  int qos = 0;
  bool retained = false;
};

// What the broker retains (3.3.1.3), when a subscription is made: it was said before, to others.
enum class Retained { not_sent, sent };

struct Error {
  std::string message;  // one line: what, where, what to do
};

struct Disconnection {
  enum class Cause {
    connection_lost,          // or ended by the broker
    message_not_taken,        // by the message handler
    not_subscribed,           // the broker refuses what it granted before, or does not answer
    session_left_to_another,  // Settings::leave_session_to_another: no connection is made any more
    session_taken_over,       // by another client with the same id; the connection is made again, which takes it back
  };
  Cause cause = Cause::connection_lost;
  std::string reason;  // one line
};

// An attempt to make a lost connection again.
struct FailedAttempt {
  std::string reason{};                           // as the error of connect()
  std::uint64_t attempts = 0;                     // failed since the connection was lost
  std::chrono::steady_clock::time_point since{};  // when that was
};

class Client {
 public:
  // Given what came together, in order. Returns how many of them, from the first on, are taken: only those are acknowledged to
  // the broker (PUBACK). If that is not all, the client drops the connection, and the broker will deliver the others again in
  // the resumed session (MQTT 5, 4.4).
  using MessagesHandler = std::function<std::size_t(std::span<const Message>)>;
  using MessageHandler = std::function<bool(const Message&)>;  // one by one; returns whether it is taken
  using ConnectedHandler = std::function<void(bool session_present)>;
  using DisconnectedHandler = std::function<void(const Disconnection& disconnection)>;
  using AttemptFailedHandler = std::function<void(const FailedAttempt& attempt)>;

  explicit Client(Settings settings);
  ~Client();  // disconnects, keeping the session
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Requires: before connect(), for a resumed session delivers at once.
  void on_messages(MessagesHandler handler);
  void on_message(MessageHandler handler);  // in its place
  void on_connected(ConnectedHandler handler);
  void on_disconnected(DisconnectedHandler handler);
  void on_attempt_failed(AttemptFailedHandler handler);  // not those of connect(), which says itself

  // Connects once and waits; from then on a lost connection is made again by itself, with back-off, until disconnect() or
  // until another client has the session and it is to be left there.
  Result<Done, Error> connect();
  bool connected() const;

  // What the broker granted in its last CONNACK. Requires: connected once.
  Grants grants() const;

  // Waits for the SUBACK and returns the QoS that it grants. Asked for again by itself on each connection whose session lacks
  // it; a broker that refuses it then, or does not answer, is left, told of by on_disconnected, and asked again with back-off.
  Result<int, Error> subscribe(const std::string& topic_filter, int qos, bool no_local, Retained retained = Retained::not_sent);
  // Waits for the UNSUBACK. What the broker has queued for it still comes. A subscription that is not there is none to end.
  Result<Done, Error> unsubscribe(const std::string& topic_filter);
  // The broker has granted all that subscribe() asked for, in the session that it has now. False before the first subscribe().
  bool subscribed() const;

  // Hands the message to the client's queue and returns; fails when there is no connection or the queue is full
  // (kUnsentBytesMax, InFlight::kMax). At QoS 1 it is sent again on later connections until the broker has taken it.
  Result<Done, Error> publish(std::string_view topic, std::string_view payload, int qos, bool retained = false);
  // As publish, and waits until the broker has taken it (QoS 1: its PUBACK).
  Result<Done, Error> publish_and_wait(std::string_view topic, std::string_view payload, int qos,
                                       std::chrono::milliseconds timeout);

  // Stops reading from the broker without giving up the session, and goes on (backpressure).
  void pause();
  void resume();

  void disconnect();

  // Publishes at QoS 0 that wait for the network. It bounds memory, and how late an acknowledgement can be, when the broker is
  // slower than the publisher: these are about 80,000.
  static constexpr std::size_t kUnsentBytesMax = 16u << 20;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::mqtt
