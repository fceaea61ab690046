// What the ingester tells an operator: in its log, as text or as JSON for programs, by /readyz, and about impossible settings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"

namespace hermes::test_support {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

namespace json = boost::json;

// A life that meets what has words of its own: damage in the spool, and an end that nobody asked for.
TEST(ServiceLog, AsJsonHasNothingElseInItFromTheFirstLineToTheLast) {
  const PrivateMosquitto broker;
  const PrivatePostgres postgres;
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "spool");
  std::ofstream(folder / "spool/00000000000000000001.segment") << "no segment's header, and long enough to have been one";
  Environment environment = environment_for(postgres, broker);
  ASSERT_EQ(run({hermes_command(), "migrate"}, environment).exit_code, 0);
  environment["POSTGRES_DB"] = "postgres";  // not migrated
  environment["HERMES_SPOOL_DIR"] = folder / "spool";
  environment["HERMES_STATE_DIR"] = folder.path();
  environment["HERMES_LOG_JSON"] = "true";
  Process ingester = Process::start({hermes_command(), "ingest"}, {.environment = environment, .output = folder / "log"});
  EXPECT_EQ(ingester.wait(), 1);

  std::string damage, last_words;
  std::istringstream log(ingester.output());
  for (std::string line; std::getline(log, line);) {
    boost::system::error_code error;
    const json::value entry = json::parse(line, error);
    ASSERT_FALSE(error) << line;
    EXPECT_THAT(std::string(entry.at("time").as_string()), MatchesRegex("20[0-9-]+T[0-9:.]+Z"));
    const std::string level(entry.at("level").as_string());
    const std::string message(entry.at("message").as_string());
    EXPECT_THAT(level, AnyOf("info", "warning", "error", "critical")) << line;
    if (level == "warning" && message.find(".damaged") != std::string::npos) damage = message;
    last_words = level + " " + message;
  }
  EXPECT_THAT(damage, HasSubstr("00000000000000000001.segment")) << ingester.output();
  EXPECT_THAT(last_words, HasSubstr("critical ")) << ingester.output();
  EXPECT_THAT(last_words, HasSubstr("hermes migrate")) << ingester.output();
}

TEST(ServiceLog, SaysThatTheDatabaseIsBackAlsoWhereNoMessageComes) {
  PrivatePostgres postgres;
  const PrivateMosquitto broker;
  const TemporaryFolder folder;
  Environment environment = environment_for(postgres, broker);
  ASSERT_EQ(run({hermes_command(), "migrate"}, environment).exit_code, 0);
  const std::uint16_t http_port = free_port();
  environment["HERMES_SPOOL_DIR"] = folder / "spool";
  environment["HERMES_STATE_DIR"] = folder.path();
  environment["HERMES_HTTP_PORT"] = std::to_string(http_port);
  environment["HERMES_PARKING_WINDOW_S"] = "1";  // as often it asks the database something of its own accord
  IngestStack::Ingester ingester{
      Process::start({hermes_command(), "ingest"}, {.environment = environment, .output = folder / "log"}), http_port, "idle",
      folder / "spool"};
  ASSERT_TRUE(eventually([&] { return IngestStack::ready(ingester); })) << ingester.log();
  postgres.stop(PrivatePostgres::Stop::immediate);
  EXPECT_TRUE(eventually([&] { return !IngestStack::ready(ingester); })) << ingester.log();
  EXPECT_THAT(ingester.log(), Not(HasSubstr("takes batches again")));
  postgres.start();
  EXPECT_TRUE(eventually([&] { return IngestStack::ready(ingester); })) << ingester.log();
  EXPECT_THAT(ingester.log(), HasSubstr("the database takes batches again"));
}

TEST(IngestUsage, RefusesASpoolTooSmallForAMessageAndAnUnknownWayToSync) {
  const TemporaryFolder folder;
  const Environment environment{{"HERMES_STATE_DIR", folder.path()}, {"XDG_CONFIG_HOME", folder.path()}};
  const auto complaint = [&](const std::string& flag, const std::string& value) {
    const Finished finished = run({hermes_command(), "ingest", "--spool-dir", folder / "spool", flag, value}, environment);
    EXPECT_EQ(finished.exit_code, 2) << finished.errors;
    return finished.errors;
  };
  for (const char* size : {"0", "100", "3MiB"}) {
    EXPECT_THAT(complaint("--max-spool-bytes", size), HasSubstr("at least 4 MiB")) << size;
  }
  for (const char* mode : {"sometimes", "2"}) {
    EXPECT_THAT(complaint("--fsync", mode), HasSubstr("never, interval or always")) << mode;
  }
}

}  // namespace
}  // namespace hermes::test_support
