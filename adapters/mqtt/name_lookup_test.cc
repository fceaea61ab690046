// getaddrinfo() below replaces the system's resolver, so that a test can have a slow name server.
#include "adapters/mqtt/name_lookup.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "adapters/mqtt/client.h"
#include "tests/support/eventually.h"

namespace {

std::atomic<bool> name_server_answers = true;
std::atomic<int> waiting = 0;

}  // namespace

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  if (std::string_view(host) == "slow.test") {
    if ((hints->ai_flags & AI_NUMERICHOST) != 0) return EAI_NONAME;
    ++waiting;
    name_server_answers.wait(false);
    --waiting;
    return real("127.0.0.1", service, hints, found);
  }
  // Whatever this machine's name servers say, or whether it has any.
  if (std::string_view(host) == "unknown.test") return EAI_NONAME;
  return real(host, service, hints, found);
}

namespace hermes::mqtt {
namespace {

using namespace std::chrono_literals;
using test_support::eventually;

const auto never = [] { return false; };

class NameLookup : public testing::Test {
 protected:
  ~NameLookup() override {
    name_server_answers = true;
    name_server_answers.notify_all();
    EXPECT_TRUE(eventually([] { return waiting == 0; }));
  }

  static std::chrono::steady_clock::time_point in(std::chrono::milliseconds time) {
    return std::chrono::steady_clock::now() + time;
  }

  WakeUp wake;
};

TEST_F(NameLookup, FindsNumbersAndNames) {
  EXPECT_TRUE(look_up("127.0.0.1", 1883, in(1min), wake, never).ok());
  EXPECT_TRUE(look_up("slow.test", 1883, in(1min), wake, never).ok());
}

TEST_F(NameLookup, NamesAHostThatThereIsNot) {
  const auto found = look_up("no such host", 1883, in(1min), wake, never);
  ASSERT_FALSE(found.ok());
  EXPECT_TRUE(found.error().unknown_host);
}

TEST_F(NameLookup, GivesUpInTimeThoughTheNameServerIsSilent) {
  name_server_answers = false;
  const auto found = look_up("slow.test", 1883, in(50ms), wake, never);
  ASSERT_FALSE(found.ok());
  EXPECT_FALSE(found.error().unknown_host);
}

TEST_F(NameLookup, EndsWhenItIsNotWantedAnyMore) {
  name_server_answers = false;
  std::atomic<bool> cancelled = false;
  std::thread canceller([&] {
    EXPECT_TRUE(eventually([] { return waiting == 1; }));
    cancelled = true;
    wake.set();
  });
  EXPECT_FALSE(look_up("slow.test", 1883, in(1h), wake, [&] { return cancelled.load(); }).ok());
  canceller.join();
}

TEST_F(NameLookup, AHostThatNobodyKnowsIsNamedByTheClient) {
  Settings settings;
  settings.host = "unknown.test";
  settings.client_id = "lost";
  const auto connected = Client(settings).connect();
  ASSERT_FALSE(connected.ok());
  for (const char* words : {"unknown.test", "unknown host name", "MQTT_BROKER_HOST"})
    EXPECT_NE(connected.error().message.find(words), std::string::npos) << connected.error().message;
}

}  // namespace
}  // namespace hermes::mqtt
