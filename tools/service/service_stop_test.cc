// SIGTERM ends a service soon, whatever it is waiting for, without a flood in the log and with exit code 0: the next start goes
// on where this one was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/eventually.h"
#include "tests/support/network/loopback_listener.h"
#include "tests/support/network/tcp_proxy.h"
#include "tests/support/servers.h"

namespace hermes::test_support {
namespace {

using testing::HasSubstr;

int occurrences(const std::string& text, const std::string& part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(ServiceStop, OfAnIngesterThatHasReachedNobodyIsQuiet) {
  const LoopbackListener broker;  // takes connections and says nothing
  const TemporaryFolder folder;
  const Environment environment{{"MQTT_BROKER_HOST", "127.0.0.1"},      {"MQTT_BROKER_PORT", std::to_string(broker.port())},
                                {"POSTGRES_HOST", "127.0.0.1"},         {"POSTGRES_PORT", std::to_string(free_port())},
                                {"HERMES_SPOOL_DIR", folder / "spool"}, {"HERMES_STATE_DIR", folder.path()},
                                {"XDG_CONFIG_HOME", folder.path()}};
  Process ingester = Process::start({hermes_command(), "ingest"}, {.environment = environment, .output = folder / "log"});
  ASSERT_TRUE(eventually([&] { return occurrences(ingester.output(), "cannot reach PostgreSQL") > 0; })) << ingester.output();
  ingester.kill(SIGTERM);
  EXPECT_EQ(ingester.wait(), 0) << ingester.output();
  const std::string log = ingester.output();
  EXPECT_LE(occurrences(log.substr(log.find("stopping")), "cannot reach PostgreSQL"), 1);
}

class ServiceStopWithAHangingDatabase : public testing::TestWithParam<std::string> {};

TEST_P(ServiceStopWithAHangingDatabase, IsBounded) {
  const PrivatePostgres postgres;
  const PrivateMosquitto mosquitto;
  const TemporaryFolder folder;
  TcpProxy proxy(postgres.port());
  Environment environment = environment_for(postgres, mosquitto);
  ASSERT_EQ(run({hermes_command(), "migrate"}, environment).exit_code, 0);
  const std::uint16_t http_port = free_port();
  environment["POSTGRES_PORT"] = std::to_string(proxy.port());
  environment["HERMES_SPOOL_DIR"] = folder / "spool";
  environment["HERMES_STATE_DIR"] = folder.path();
  environment["HERMES_DRAIN_TIMEOUT_S"] = "1";
  environment["HERMES_HTTP_PORT"] = environment["HERMES_QUERY_PORT"] = std::to_string(http_port);
  Process service = Process::start({hermes_command(), GetParam()}, {.environment = environment, .output = folder / "log"});
  ASSERT_TRUE(eventually([&] {
    return run({"curl", "--silent", "--fail", "http://127.0.0.1:" + std::to_string(http_port) + "/readyz"}).exit_code == 0;
  })) << service.output();
  proxy.hold();
  service.kill(SIGTERM);
  EXPECT_EQ(service.wait(), 0) << service.output();
}

INSTANTIATE_TEST_SUITE_P(Services, ServiceStopWithAHangingDatabase, testing::Values("ingest", "project", "serve"),
                         [](const auto& service) { return service.param; });

}  // namespace
}  // namespace hermes::test_support
