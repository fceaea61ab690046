// What the client does when the broker takes its packets more slowly than it gives messages. The test plays the broker, because
// a real one can't be made slow; it sends hand-written bytes (MQTT 5, sections 3.2 and 3.3).
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "adapters/mqtt/client.h"
#include "adapters/mqtt/packets.h"
#include "adapters/mqtt/untaken_packets.h"
#include "tests/support/eventually.h"
#include "tests/support/network/loopback_listener.h"

namespace hermes::mqtt {
namespace {

using test_support::eventually;

constexpr unsigned char kPublish = 0x30, kPuback = 0x40, kPingreq = 0xc0;

// One connection, one step after the other. Reads only when it is told to.
class SlowBroker {
 public:
  ~SlowBroker() {
    if (connection_ >= 0) ::close(connection_);
  }

  std::uint16_t port() const { return listener_.port(); }

  void accept() {
    connection_ = listener_.accept();
    ASSERT_FALSE(next().empty());  // CONNECT
    send({"\x20\x03\x00\x00\x00", 5});
  }

  void send(std::string_view bytes) {
    ASSERT_EQ(::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  void answer_pings(bool answer) { answers_pings_ = answer; }

  // The next packet, whole; a PINGREQ is answered. Empty at the end of the connection.
  std::string next() {
    for (;;) {
      const std::size_t whole = front_packet_bytes(read_);
      if (whole > 0 && read_.size() >= whole) {
        std::string packet = read_.substr(0, whole);
        read_.erase(0, whole);
        if (answers_pings_ && static_cast<unsigned char>(packet[0]) == kPingreq) send({"\xd0\x00", 2});
        return packet;
      }
      char bytes[4096];
      const ssize_t count = ::recv(connection_, bytes, sizeof bytes, 0);
      if (count <= 0) return {};
      read_.append(bytes, static_cast<std::size_t>(count));
    }
  }

 private:
  test_support::LoopbackListener listener_;
  int connection_ = -1;
  std::string read_;
  bool answers_pings_ = true;
};

// A client of it, connected, that takes everything.
class Taker {
 public:
  explicit Taker(SlowBroker& broker, std::chrono::milliseconds puback_wait_max = Settings().puback_wait_max)
      : client(settings(broker.port(), puback_wait_max)) {
    client.on_message([this](const Message&) { return ++came > 0; });
    std::jthread connecting([this] { EXPECT_TRUE(client.connect().ok()); });
    broker.accept();
  }

  std::atomic<int> came = 0;
  Client client;

 private:
  static Settings settings(std::uint16_t port, std::chrono::milliseconds puback_wait_max) {
    Settings settings;
    settings.port = port;
    settings.client_id = "taker";
    settings.puback_wait_max = puback_wait_max;
    return settings;
  }
};

unsigned char type_of(const std::string& packet) { return static_cast<unsigned char>(packet.at(0)) & 0xf0; }

std::string messages(int count) {
  std::string bytes;
  for (int i = 1; i <= count; ++i)
    append_publish(bytes, {.topic = "t", .payload = "x", .qos = 1, .packet_id = static_cast<PacketId>(i)});
  return bytes;
}

TEST(SlowBroker, GetsWhatSomebodyWaitsForBeforeThePubacksOfABacklog) {
  constexpr int kMessages = 3'000;
  SlowBroker broker;
  Taker taker(broker, std::chrono::hours(1));

  broker.send(messages(kMessages));
  ASSERT_TRUE(eventually([&] { return taker.came == kMessages; }));
  ASSERT_TRUE(taker.client.publish("urgent", "now", 0).ok());

  int before = 0;
  for (; type_of(broker.next()) != kPublish; ++before) ASSERT_LT(before, kMessages);
  EXPECT_LT(before, 2 * static_cast<int>(UntakenPackets::kWindow));  // what had been sent when it came, and not all that waits

  // And none of the others is forgotten, in order.
  std::vector<int> acknowledged;
  while (acknowledged.empty() || acknowledged.back() < kMessages) {
    std::string packet = broker.next();
    ASSERT_FALSE(packet.empty());
    std::string_view rest = packet;
    if (type_of(packet) == kPuback) acknowledged.push_back(std::get<Puback>(**take_packet(rest)).packet_id);
  }
  EXPECT_TRUE(std::ranges::is_sorted(acknowledged));
  EXPECT_GE(acknowledged.size(), static_cast<std::size_t>(kMessages - before));
}

// A broker may leave a PINGREQ unanswered for long, or think it needs no answer.
TEST(SlowBroker, GetsThePubacksAlsoWhenItDoesNotSayWhatItHasTaken) {
  constexpr int kMessages = 1'000;
  SlowBroker broker;
  Taker taker(broker);

  broker.send(messages(kMessages));
  ASSERT_TRUE(eventually([&] { return taker.came == kMessages; }));
  broker.answer_pings(false);
  for (int acknowledged = 0; acknowledged < kMessages;) {
    const std::string packet = broker.next();
    ASSERT_FALSE(packet.empty());
    if (type_of(packet) == kPuback) ++acknowledged;
  }
}

}  // namespace
}  // namespace hermes::mqtt
