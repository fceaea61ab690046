// The load generator against a real broker: a witness must be right about what it says.
#include "bench/load/load.h"

#include <gmock/gmock.h>

#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "bench/load/subscriber.h"
#include "tests/servers/private_mosquitto.h"

namespace hermes::load {
namespace {

const auto kNeverStop = [] { return false; };

TEST(Load, PublishesWhatItSays) {
  private_servers::PrivateMosquitto broker;
  Settings settings;
  settings.port = broker.port();
  settings.count = 5000;
  const Report report = run(settings, kNeverStop);
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.published, 5000u);
  EXPECT_EQ(report.taken, 5000u);
  EXPECT_EQ(report.acknowledged, 0u);
}

TEST(Load, WritesDownExactlyWhatWasAcknowledged) {
  private_servers::PrivateMosquitto broker;
  private_servers::TemporaryFolder folder("hermes-load-test");
  Settings settings;
  settings.port = broker.port();
  settings.count = 500;
  settings.wait_for_acks = true;
  settings.witness_file = folder / "witness";
  settings.send_again_after = std::chrono::milliseconds(200);
  // Sends until it is answered: the one who answers comes late.
  std::promise<Report> promised;
  std::thread sender([&] { promised.set_value(run(settings, kNeverStop)); });
  bench::subscribe_and_count({.port = broker.port(), .count = 500, .answer = true}, [] {});
  sender.join();
  const Report report = promised.get_future().get();
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.acknowledged, 500u);
  std::set<std::string> written;
  std::ifstream witness(folder / "witness");
  for (std::string id; std::getline(witness, id);) written.insert(id);
  EXPECT_EQ(written.size(), 500u);
  EXPECT_TRUE(written.contains(message_id(settings.prefix, 499)));
}

TEST(Load, GivesUpWithoutProgressAndSaysSo) {
  private_servers::PrivateMosquitto broker;
  Settings settings;
  settings.port = broker.port();
  settings.count = 10;
  settings.wait_for_acks = true;
  settings.give_up_after = std::chrono::milliseconds(300);
  const Report report = run(settings, kNeverStop);
  EXPECT_FALSE(report.complete);
  EXPECT_EQ(report.acknowledged, 0u);
}

}  // namespace
}  // namespace hermes::load
