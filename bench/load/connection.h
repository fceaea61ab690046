// One MQTT connection of the load generator: a socket that never blocks, and what is under way on it. It writes a hundred
// publishes with one system call and keeps next to no state: a client costs more a message than the load may. Single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/mqtt/packets.h"

namespace hermes::load {

class Connection {
 public:
  // What one call of receive() has brought. Views are valid until the next call.
  struct Received {
    bool connected = false;                  // CONNACK came
    bool subscribed = false;                 // SUBACK came
    std::vector<std::uint64_t> taken;        // tags of publishes the broker has taken (PUBACK)
    std::vector<std::string_view> payloads;  // of messages for us
  };

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(); }

  // Begins to connect, clean. Throws std::system_error.
  void open(std::uint16_t port, std::string_view client_id);
  void close();  // forgets what was under way
  bool is_open() const { return socket_ >= 0; }
  int socket() const { return socket_; }

  void subscribe(std::string_view filter);
  // Requires: room() > 0. `tag` comes back in Received::taken.
  void publish(std::string_view topic, std::string_view payload, std::uint64_t tag);
  // How many more publishes the broker allows under way (its receive maximum).
  std::size_t room() const { return free_ids_.size(); }
  std::size_t unsent_bytes() const { return out_.size() - out_sent_; }
  void ping() { mqtt::append_pingreq(out_); }
  void leave() { mqtt::append_disconnect(out_); }

  // Both return false when the connection is gone; it is then closed.
  bool send();
  bool receive(Received& received);

 private:
  void handle(const mqtt::Received& packet, Received& received);

  int socket_ = -1;
  std::string out_;
  std::size_t out_sent_ = 0;
  std::string in_;
  std::size_t in_filled_ = 0;        // of in_
  std::size_t in_used_ = 0;          // of those, by the last call
  std::vector<std::uint64_t> tags_;  // by packet id
  std::deque<std::uint16_t> free_ids_;
};

}  // namespace hermes::load
