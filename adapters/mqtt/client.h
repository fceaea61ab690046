// An MQTT 5 client over paho's C library, whose headers stay in the .cc files. Used by the ingester, the chat client and the tools.
//
// Callbacks run on paho's thread, one at a time, and must not block for long. All other members may be called from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "adapters/mqtt/grants.h"
#include "domain/result.h"

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
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds reconnect_min{200};  // back-off with jitter between these
  std::chrono::milliseconds reconnect_max{5000};
  // When another client connects with this id, the broker gives it the session (MQTT 5, 3.1.4), and says so: Mosquitto from 2.0.15
  // on, others for long. True: this one leaves it there until connect(). False: it takes the session back.
  bool leave_session_to_another = false;
  std::string username;
  std::string password;
};

struct Message {
  std::string_view topic;  // valid during the callback only
  std::string_view payload;
  int qos = 0;
  bool retained = false;
};

struct Error {
  std::string message;  // one line: what, where, what to do
};

struct Disconnection {
  enum class Cause {
    connection_lost,          // or ended by the broker
    message_not_taken,        // by the message handler
    session_left_to_another,  // Settings::leave_session_to_another: no connection is made any more
  };
  Cause cause = Cause::connection_lost;
  std::string reason;  // one line
};

class Client {
 public:
  // Returns true when the message is taken: only then is it acknowledged to the broker (PUBACK). On false nothing is
  // acknowledged: the client drops the connection, and the broker will deliver the message again in the resumed session.
  using MessageHandler = std::function<bool(const Message&)>;
  using ConnectedHandler = std::function<void(bool session_present)>;
  using DisconnectedHandler = std::function<void(const Disconnection& disconnection)>;

  explicit Client(Settings settings);
  ~Client();  // disconnects, keeping the session
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Requires: before connect(), for a resumed session delivers at once.
  void on_message(MessageHandler handler);
  void on_connected(ConnectedHandler handler);
  void on_disconnected(DisconnectedHandler handler);

  // Connects once and waits; from then on a lost connection is made again by itself, with back-off, until disconnect() or
  // until another client has the session and it is to be left there.
  Result<Done, Error> connect();
  bool connected() const;

  // What the broker granted in its last CONNACK. Requires: connected once.
  Grants grants() const;

  // Waits for the SUBACK and returns the QoS that it grants. Repeated by itself when a reconnect finds no session.
  Result<int, Error> subscribe(const std::string& topic_filter, int qos, bool no_local);

  // Hands the message to the client's queue and returns. QoS 1 is retried by paho within a session.
  Result<Done, Error> publish(std::string_view topic, std::string_view payload, int qos, bool retained = false);
  // As publish, and waits until the broker has taken it (QoS 1: its PUBACK).
  Result<Done, Error> publish_and_wait(std::string_view topic, std::string_view payload, int qos,
                                       std::chrono::milliseconds timeout);

  // While there is much to send, packets (publishes and PUBACKs) may wait for one another: fewer pieces for the network and the broker,
  // each up to 40 ms late. Otherwise each goes at once. A new connection begins without.
  void gather_packets(bool on);

  // Stops reading from the broker without giving up the session, and goes on (backpressure).
  void pause();
  void resume();

  void disconnect();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::mqtt
