// A broker that says what a test has it say: the conversation of one connection after another, on a port of 127.0.0.1.
//
//   PlayedBroker broker([](PlayedBroker::Peer& peer, int connection) {
//     peer.expect(kConnect);
//     peer.say(kConnack);
//     peer.answer(peer.expect(kSubscribe), kSuback, 0x87);
//     peer.stay();
//   });
//
// When the conversation returns, the connection is closed. Header only; link Threads::Threads.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "tests/support/network/loopback_listener.h"

namespace hermes::test_support {

// The first four bits of a packet (MQTT 5, 2.1.2).
inline constexpr int kConnect = 1;
inline constexpr int kPublish = 3;
inline constexpr int kPuback = 4;
inline constexpr int kSubscribe = 8;
inline constexpr int kSuback = 9;
inline constexpr int kUnsubscribe = 10;
inline constexpr int kUnsuback = 11;

inline constexpr std::string_view kConnackNewSession{"\x20\x03\x00\x00\x00", 5};
inline constexpr std::string_view kConnackSessionPresent{"\x20\x03\x01\x00\x00", 5};

class PlayedBroker {
 public:
  class Peer {
   public:
    explicit Peer(int socket) : socket_(socket) {}

    void say(std::string_view bytes) const {
      if (::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) throw Ended{};
    }
    struct Packet {
      int type = 0;
      std::string body;
      // Of a SUBSCRIBE or an UNSUBSCRIBE without properties: identifier, properties, filter.
      std::string filter() const {
        return body.substr(
            5, static_cast<std::size_t>(static_cast<unsigned char>(body[3]) << 8 | static_cast<unsigned char>(body[4])));
      }
    };
    Packet next() const {
      const int first = byte();
      std::size_t length = 0;
      for (int shift = 0;; shift += 7) {
        const int digit = byte();
        length |= static_cast<std::size_t>(digit & 0x7f) << shift;
        if ((digit & 0x80) == 0) break;
      }
      Packet packet{.type = first >> 4, .body = {}};
      while (packet.body.size() < length) packet.body += static_cast<char>(byte());
      return packet;
    }
    // The next packet of that type; others are passed over.
    Packet expect(int type) const {
      for (;;) {
        Packet packet = next();
        if (packet.type == type) return packet;
      }
    }
    // Answers a SUBSCRIBE or an UNSUBSCRIBE with a reason code.
    void answer(const Packet& request, int type, int reason) const {
      const char bytes[] = {static_cast<char>(type << 4), 4, request.body[0], request.body[1], 0, static_cast<char>(reason)};
      say({bytes, sizeof bytes});
    }
    // A PUBLISH at QoS 1. Requires: less than 128 bytes in all.
    void publish(std::string_view topic, std::string_view payload, char packet_id, bool retained) const {
      std::string bytes{static_cast<char>(retained ? 0x33 : 0x32), static_cast<char>(2 + topic.size() + 3 + payload.size()), 0,
                        static_cast<char>(topic.size())};
      say(bytes.append(topic).append({0, packet_id, 0}).append(payload));
    }
    void stay() const {  // until the other end goes
      for (;;) byte();
    }

   private:
    friend PlayedBroker;
    struct Ended {};
    int byte() const {
      unsigned char value = 0;
      if (::recv(socket_, &value, 1, 0) != 1) throw Ended{};
      return value;
    }
    int socket_;
  };
  using Conversation = std::function<void(Peer&, int connection)>;  // connections count from 1

  explicit PlayedBroker(Conversation conversation) : conversation_(std::move(conversation)) {
    thread_ = std::thread([this] { run(); });
  }
  ~PlayedBroker() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      if (current_ >= 0) ::shutdown(current_, SHUT_RDWR);
    }
    ::shutdown(listener_.descriptor(), SHUT_RDWR);  // wakes accept()
    thread_.join();
  }

  std::uint16_t port() const { return listener_.port(); }
  int connections() const { return connections_; }

 private:
  void run() {
    for (int connection = 1;; ++connection) {
      const int socket = listener_.accept();
      {
        std::lock_guard lock(mutex_);
        current_ = socket;
        if (stopping_ || socket < 0) break;
      }
      connections_ = connection;
      Peer peer(socket);
      try {
        conversation_(peer, connection);
      } catch (const Peer::Ended&) {  // the client is gone
      }
      std::lock_guard lock(mutex_);
      ::close(std::exchange(current_, -1));
    }
    if (current_ >= 0) ::close(current_);
  }

  LoopbackListener listener_;
  Conversation conversation_;
  std::mutex mutex_;
  int current_ = -1;
  bool stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

}  // namespace hermes::test_support
