// What the programs force to the disk before they say that it is kept: seen in the calls that they make.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "tests/support/eventually.h"
#include "tests/support/faults/recorded_calls.h"
#include "tests/support/log_fixture.h"
#include "tests/support/servers.h"

namespace hermes::test_support {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string seen(const std::vector<std::string>& calls) {
  std::string all;
  for (const std::string& call : calls) all += call + "\n";
  return all;
}

// hermes ingest at a broker, without a database: what it takes stays in its spool.
class IngesterDurability : public testing::TestWithParam<const char*> {
 protected:
  // The calls from the first message on, once the broker has been told that it is stored.
  std::vector<std::string> calls_of_a_message() {
    Environment environment = environment_for(mosquitto_);
    environment["POSTGRES_HOST"] = "127.0.0.1";
    environment["POSTGRES_PORT"] = std::to_string(free_port());
    environment["HERMES_SPOOL_DIR"] = folder_ / "spool";
    environment["HERMES_STATE_DIR"] = folder_.path();
    environment["HERMES_FSYNC"] = GetParam();
    const std::string http_port = std::to_string(free_port());
    environment["HERMES_HTTP_PORT"] = http_port;
    environment.merge(recorded_.environment(mosquitto_.port()));
    ingester_.emplace(Process::start({hermes_command(), "ingest"}, {.environment = environment, .output = folder_ / "log"}));
    const std::string port = std::to_string(mosquitto_.port());
    // Subscribed: what it lacks is the database alone. Before that the broker would keep nothing for it.
    EXPECT_TRUE(eventually([&] {
      const Finished asked = run({"curl", "--silent", "--max-time", "10", "http://127.0.0.1:" + http_port + "/readyz"});
      return asked.output.find("the database does not take batches") != std::string::npos;
    })) << ingester_->output();
    EXPECT_EQ(
        run({"mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-q", "1", "-t", "chat/messages/david", "-m", "hello"}).exit_code,
        0);
    EXPECT_TRUE(eventually([&] { return acknowledged(since_first_write()); })) << seen(recorded_.all());
    return since_first_write();
  }

  std::vector<std::string> since_first_write() const {
    std::vector<std::string> calls = recorded_.all("spool");
    calls.erase(calls.begin(), std::ranges::find_if(calls, is_segment_write));
    return calls;
  }
  static bool is_segment_write(const std::string& call) { return call.starts_with("write ") && call.ends_with(".segment"); }
  static bool acknowledged(const std::vector<std::string>& calls) { return std::ranges::find(calls, "send") != calls.end(); }
  static std::vector<std::string> up_to_the_send(std::vector<std::string> calls) {
    calls.erase(std::ranges::find(calls, "send"), calls.end());
    return calls;
  }

  const PrivateMosquitto mosquitto_;
  const TemporaryFolder folder_;
  const RecordedCalls recorded_{folder_.path()};
  std::optional<Process> ingester_;
};

const std::string kSegment = "spool/00000000000000000001.segment";

class IngesterThatForcesAlways : public IngesterDurability {};
TEST_P(IngesterThatForcesAlways, HasAMessageOnTheDiskBeforeTheBrokerIsTold) {
  EXPECT_THAT(up_to_the_send(calls_of_a_message()),
              ElementsAre("write " + kSegment, "sync " + kSegment, "sync spool", "write " + kSegment, "sync " + kSegment));
}
INSTANTIATE_TEST_SUITE_P(Fsync, IngesterThatForcesAlways, testing::Values("always"));

class IngesterThatForcesInIntervals : public IngesterDurability {};
TEST_P(IngesterThatForcesInIntervals, HasAMessageOnTheDiskSoonAfter) {
  calls_of_a_message();
  EXPECT_TRUE(eventually([&] {
    const auto calls = since_first_write();
    const auto last_write = std::find_if(calls.rbegin(), calls.rend(), is_segment_write).base();
    return std::find(last_write, calls.end(), "sync " + kSegment) != calls.end();
  })) << seen(since_first_write());
}
INSTANTIATE_TEST_SUITE_P(Fsync, IngesterThatForcesInIntervals, testing::Values("interval"));

class IngesterThatForcesNever : public IngesterDurability {};
TEST_P(IngesterThatForcesNever, LeavesItToTheKernel) {
  calls_of_a_message();
  EXPECT_EQ(ingester_->stop(), 0) << ingester_->output();
  EXPECT_THAT(since_first_write(), Not(Contains(HasSubstr("sync"))));
}
INSTANTIATE_TEST_SUITE_P(Fsync, IngesterThatForcesNever, testing::Values("never"));

// A message that somebody typed is on the disk before anything is said of it, also when nobody can be reached: what has been
// written of the store when its id is printed has been forced, file by file. (The kill: at its end a client forces everything.)
TEST(ChatDurability, AMessageIsOnTheDiskBeforeItIsSaidToBe) {
  const TemporaryFolder folder;
  const RecordedCalls recorded(folder.path());
  Environment environment = recorded.environment();
  environment["HERMES_OUTBOX_DIR"] = folder / "outbox";
  environment["MQTT_BROKER_HOST"] = "127.0.0.1";
  environment["MQTT_BROKER_PORT"] = std::to_string(free_port());
  Process sending = Process::start({hermes_command(), "send", "--from", "fredy", "--to", "david", "--timeout", "60s", "hello"},
                                   {.environment = environment, .output = folder / "said"});
  EXPECT_TRUE(eventually([&] { return sending.output().find('\n') != std::string::npos; }));
  sending.kill(SIGKILL);
  EXPECT_EQ(sending.wait(), 128 + SIGKILL) << sending.output();
  const std::vector<std::string> calls = recorded.all();
  const std::string store = "outbox/fredy/chat.sqlite";
  EXPECT_THAT(calls, Contains("write " + store + "-wal"));
  for (const std::string& file : {store, store + "-wal"}) {
    const auto last_write = std::find(calls.rbegin(), calls.rend(), "write " + file).base();
    EXPECT_NE(std::find(last_write, calls.end(), "sync " + file), calls.end()) << file << "\n" << seen(calls);
  }
  for (const char* new_folder : {"sync outbox/fredy", "sync outbox"}) EXPECT_THAT(calls, Contains(new_folder));
}

class FileDurability : public testing::Test {
 protected:
  std::vector<std::string> calls_of(std::vector<std::string> arguments) {
    const postgres::Settings settings = server_.settings();
    Environment environment = recorded_.environment();
    environment["POSTGRES_HOST"] = settings.host;
    environment["POSTGRES_PORT"] = std::to_string(settings.ports.front());
    environment["POSTGRES_DB"] = settings.database;
    environment["POSTGRES_USER"] = settings.user;
    environment["POSTGRES_PASSWORD"] = settings.password;
    arguments.insert(arguments.begin(), hermes_command());
    const Finished finished = run(arguments, environment);
    EXPECT_EQ(finished.exit_code, 0) << finished.errors;
    return recorded_.all("kept");
  }

  LogServer server_;
  TemporaryFolder folder_;
  RecordedCalls recorded_{folder_.path()};

  void SetUp() override {
    server_.new_log(1);
    std::filesystem::create_directory(folder_ / "kept");
  }
};

TEST_F(FileDurability, AnExportIsWholeOnTheDiskBeforeItHasItsName) {
  EXPECT_THAT(calls_of({"export", "inbox", "--output", (folder_ / "kept" / "inbox.csv").string()}),
              ElementsAre("write kept/inbox.csv.unfinished", "sync kept/inbox.csv.unfinished", "rename-to kept/inbox.csv",
                          "sync kept"));
}

TEST_F(FileDurability, AnAnchorIsWholeOnTheDiskBeforeItHasItsName) {
  const auto calls = calls_of({"verify", "--anchor", (folder_ / "kept" / "anchor").string()});
  EXPECT_THAT(calls,
              ElementsAre("write kept/anchor.unfinished", "sync kept/anchor.unfinished", "rename-to kept/anchor", "sync kept"));
}

}  // namespace
}  // namespace hermes::test_support
