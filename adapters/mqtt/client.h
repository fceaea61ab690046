// An MQTT 5 client at QoS 0 and 1 (docs/mqtt-client.md). Used by the ingester, the chat client and the tools.
//
// It is our own because Hermes's promise depends on it: a message is acknowledged to the broker only after it was taken, and
// many messages are handled together.
//
// Callbacks run on the client's thread, one at a time, and must not block for long. All other members may be called from any
// thread, and by callbacks if they do not wait.
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
  // How long the client waits after a read, so that more messages gather: waking for each one costs broker and client more than
  // the message itself.
  std::chrono::microseconds gather_for{500};
  // How long PUBACKs may be withheld while the broker is behind, so that publishes go first. Not for ever: a broker that gets
  // no PUBACKs reaches its receive maximum and stops sending.
  std::chrono::milliseconds puback_wait_max{1000};
  std::chrono::milliseconds connect_timeout{5000};
  // How long the broker may leave a SUBSCRIBE or an UNSUBSCRIBE unanswered without sending a message either. Then the client
  // connects again.
  std::chrono::milliseconds subscribe_timeout{15'000};
  std::chrono::milliseconds reconnect_min{200};  // back-off with jitter between these
  std::chrono::milliseconds reconnect_max{5000};
  // When another client connects with this id, the broker gives it the session (MQTT 5, 3.1.4) and tells this one (Mosquitto
  // only from 2.0.15 on). True: this client then stays away until connect(). False: it takes the session back.
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

// Whether the broker sends its retained messages (3.3.1.3) when a subscription is made. They are old and were meant for others.
enum class Retained { not_sent, sent };

struct Error {
  std::string message;  // one line: what, where, what to do
};

struct Disconnection {
  enum class Cause {
    connection_lost,          // also if the broker ended it
    message_not_taken,        // by the message handler
    not_subscribed,           // the broker refuses a subscription that it granted before, or does not answer
    session_left_to_another,  // by Settings::leave_session_to_another: the client does not connect again
    session_taken_over,       // by another client with the same id; this client connects again and takes it back
  };
  Cause cause = Cause::connection_lost;
  std::string reason;  // one line
};

// A failed attempt to connect again after a connection was lost.
struct FailedAttempt {
  std::string reason{};                           // like the error of connect()
  std::uint64_t attempts = 0;                     // failed since the connection was lost
  std::chrono::steady_clock::time_point since{};  // when it was lost
};

class Client {
 public:
  // Gets the messages that came together, in order. Returns how many of them it has taken, counted from the first: only those
  // are acknowledged to the broker (PUBACK). If that is not all, the client drops the connection, and the broker will deliver
  // the others again in the resumed session (MQTT 5, 4.4).
  using MessagesHandler = std::function<std::size_t(std::span<const Message>)>;
  using MessageHandler = std::function<bool(const Message&)>;  // gets one message; returns whether it has taken it
  using ConnectedHandler = std::function<void(bool session_present)>;
  using DisconnectedHandler = std::function<void(const Disconnection& disconnection)>;
  using AttemptFailedHandler = std::function<void(const FailedAttempt& attempt)>;

  explicit Client(Settings settings);
  ~Client();  // disconnects, keeping the session
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Requires: called before connect(), because a resumed session delivers at once.
  void on_messages(MessagesHandler handler);
  void on_message(MessageHandler handler);  // instead of on_messages
  void on_connected(ConnectedHandler handler);
  void on_disconnected(DisconnectedHandler handler);
  void on_attempt_failed(AttemptFailedHandler handler);  // not for connect(), which returns its error

  // Connects once and waits. From then on the client makes a lost connection again by itself, with back-off, until
  // disconnect(), or until another client has the session (if leave_session_to_another).
  Result<Done, Error> connect();
  bool connected() const;

  // What the broker granted in its last CONNACK. Requires: it has been connected.
  Grants grants() const;

  // Waits for the SUBACK and returns the QoS that it grants. On each later connection whose session lacks the subscription, the
  // client subscribes again by itself. If the broker then refuses or does not answer, the client disconnects, calls
  // on_disconnected, and asks again with back-off.
  Result<int, Error> subscribe(const std::string& topic_filter, int qos, bool no_local, Retained retained = Retained::not_sent);
  // Waits for the UNSUBACK. Messages that the broker has already queued still come. Succeeds if there is no such subscription.
  Result<Done, Error> unsubscribe(const std::string& topic_filter);
  // Whether the broker has granted everything that subscribe() asked for, in its present session. False before the first
  // subscribe().
  bool subscribed() const;

  // Hands the message to the client's queue and returns; fails when there is no connection or the queue is full
  // (kUnsentBytesMax, InFlight::kMax). At QoS 1 it is sent again on later connections until the broker has taken it.
  Result<Done, Error> publish(std::string_view topic, std::string_view payload, int qos, bool retained = false);
  // Like publish, but waits until the broker has taken it (QoS 1: its PUBACK).
  Result<Done, Error> publish_and_wait(std::string_view topic, std::string_view payload, int qos,
                                       std::chrono::milliseconds timeout);

  // pause() stops reading from the broker but keeps the session, for backpressure; resume() goes on.
  void pause();
  void resume();

  void disconnect();

  // The most bytes of publishes at QoS 0 that wait for the network, about 80,000 acknowledgements. This bounds memory, and the
  // delay of an acknowledgement, if the broker is slower than the publisher.
  static constexpr std::size_t kUnsentBytesMax = 16u << 20;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::mqtt
