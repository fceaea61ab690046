// What a client reports about programs that are no MQTT 5 broker, and about a broker that stays away. The tests play these.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/mqtt/client.h"
#include "tests/servers/temporary_folder.h"
#include "tests/support/eventually.h"
#include "tests/support/network/played_broker.h"

namespace hermes::mqtt {
namespace {

using namespace test_support;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Settings settings_for(std::uint16_t port) {
  Settings settings;
  settings.port = port;
  settings.client_id = "connects";
  settings.reconnect_min = 10ms;
  settings.reconnect_max = 20ms;
  return settings;
}

// What connect() says of a program that answers a CONNECT with these bytes and closes the connection.
std::string error_of(std::string_view answer) {
  PlayedBroker program([&](PlayedBroker::Peer& peer, int) {
    peer.expect(kConnect);
    if (!answer.empty()) peer.say(answer);
  });
  const auto connected = Client(settings_for(program.port())).connect();
  return connected ? "connected" : connected.error().message;
}

TEST(Connecting, ABrokerOfMqtt3IsRefusedInWordsWhateverItsReturnCode) {
  for (char code = 0; code <= 5; ++code) {
    const char connack[] = {0x20, 2, 0, code};
    EXPECT_THAT(error_of({connack, sizeof connack}), HasSubstr("the broker speaks MQTT 3.1.1 only; Hermes needs MQTT 5"));
  }
}

TEST(Connecting, ABrokerThatSaysThatItDoesNotKnowTheProtocolIsRefusedInTheSameWords) {
  EXPECT_THAT(error_of({"\x20\x03\x00\x84\x00", 5}), HasSubstr("speaks MQTT 3.1.1 only; Hermes needs MQTT 5"));
}

TEST(Connecting, AReasonThatIsNoSuccessIsARefusal) {
  EXPECT_THAT(error_of({"\x20\x03\x00\x01\x00", 5}), HasSubstr("reason code 0x01"));
}

TEST(Connecting, AProgramThatClosesOrSpeaksOtherwiseMayNotBeABroker) {
  for (std::string_view answer : {"", "HTTP/1.1 400 Bad Request\r\n\r\n"})
    EXPECT_THAT(error_of(answer), AllOf(HasSubstr("a broker that speaks MQTT 5"), Not(HasSubstr("Is it running"))));
}

TEST(Connecting, FailedAttemptsToComeBackAreTold) {
  std::atomic<std::uint64_t> attempts = 0;
  std::mutex mutex;
  std::string reason;
  PlayedBroker broker([](PlayedBroker::Peer& peer, int connection) {
    peer.expect(kConnect);
    if (connection == 1) peer.say(kConnackNewSession);
  });
  Client client(settings_for(broker.port()));
  client.on_attempt_failed([&](const FailedAttempt& attempt) {
    std::lock_guard lock(mutex);
    reason = attempt.reason;
    attempts = attempt.attempts;
  });
  ASSERT_TRUE(client.connect());
  EXPECT_TRUE(eventually([&] { return attempts >= 3; }));
  std::lock_guard lock(mutex);
  EXPECT_THAT(reason, HasSubstr("cannot connect to the MQTT broker at 127.0.0.1:" + std::to_string(broker.port())));
}

TEST(Connecting, APasswordIsReadFromItsFileForEachConnection) {
  const private_servers::TemporaryFolder folder;
  std::ofstream(folder / "password") << "first\n";
  std::mutex mutex;
  std::vector<std::string> passwords;
  std::atomic<bool> rotated = false;
  PlayedBroker broker([&](PlayedBroker::Peer& peer, int connection) {
    const std::string connect = peer.expect(kConnect).body;
    {
      std::lock_guard lock(mutex);
      passwords.push_back(connect.substr(connect.rfind('\0') + 2));
    }
    peer.say(kConnackNewSession);
    if (connection > 1) peer.stay();
    if (!eventually([&] { return rotated.load(); })) return;
  });
  Settings settings = settings_for(broker.port());
  settings.username = "u";
  settings.password_file = folder / "password";
  Client client(settings);
  ASSERT_TRUE(client.connect());
  std::ofstream(folder / "password") << "second\n";
  rotated = true;
  EXPECT_TRUE(eventually([&] { return broker.connections() == 2 && client.connected(); }));
  std::lock_guard lock(mutex);
  EXPECT_EQ(passwords, (std::vector<std::string>{"first", "second"}));
}

}  // namespace
}  // namespace hermes::mqtt
