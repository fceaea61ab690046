// The servers that other tests stand on: they start, stop, come back on their port, and leave nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "tests/support/database.h"
#include "tests/support/eventually.h"
#include "tests/support/faults/small_disk.h"
#include "tests/support/servers.h"
#include "tests/support/witness.h"

namespace hermes::test_support {
namespace {

using testing::HasSubstr;

bool process_exists(pid_t pid) { return ::kill(pid, 0) == 0; }

TEST(Process, SaysItsExitCode) { EXPECT_EQ(run({"sh", "-c", "exit 7"}).exit_code, 7); }

TEST(Process, SaysTheSignalThatEndedIt) {
  Process process = Process::start({"sleep", "1000"});
  process.kill(SIGKILL);
  EXPECT_EQ(process.wait(), 128 + SIGKILL);
}

TEST(Process, KeepsOutputAndErrorsApart) {
  const Finished finished = run({"sh", "-c", "cat; echo \"$GREETING\"; echo oops >&2"}, {{"GREETING", "hello"}}, "input\n");
  EXPECT_EQ(finished.output, "input\nhello\n");
  EXPECT_EQ(finished.errors, "oops\n");
}

TEST(Process, ReportsACommandThatIsNotThere) { EXPECT_EQ(run({"no-such-command-here"}).exit_code, 127); }

TEST(Process, DiesWithItsObject) {
  pid_t pid = 0;
  {
    const Process process = Process::start({"sleep", "1000"});
    pid = process.pid();
  }
  EXPECT_FALSE(process_exists(pid));
}

TEST(PrivatePostgres, IsOwnedByAnOrdinaryRole) {
  const PrivatePostgres postgres;
  Database database(postgres.settings());
  EXPECT_EQ(database.value("SELECT current_user || ' ' || current_database()"), "dbowner public");
  EXPECT_EQ(database.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"), "f");
}

TEST(PrivatePostgres, RefusesAWrongPassword) {
  const PrivatePostgres postgres;
  postgres::Settings settings = postgres.settings();
  settings.password = "wrong";
  EXPECT_FALSE(postgres::connect(settings).ok());
}

TEST(PrivatePostgres, KeepsItsDataAndPortOverAKill) {
  PrivatePostgres postgres;
  Database(postgres.settings()).execute("CREATE TABLE kept AS SELECT 1 AS one");
  postgres.kill();
  EXPECT_FALSE(accepts_connections(postgres.port()));
  postgres.start();
  EXPECT_EQ(Database(postgres.settings()).value("SELECT one FROM kept"), "1");
}

TEST(PrivatePostgres, TakesMoreSettings) {
  PrivatePostgres postgres({.settings = {"max_connections=17"}});
  EXPECT_EQ(Database(postgres.settings()).value("SHOW max_connections"), "17");
  postgres.add_setting("max_connections=18");
  postgres.restart(PrivatePostgres::Stop::immediate);
  EXPECT_EQ(Database(postgres.settings()).value("SHOW max_connections"), "18");
}

TEST(PrivateMosquitto, KeepsASessionOverARestart) {
  PrivateMosquitto mosquitto;
  const std::string port = std::to_string(mosquitto.port());
  const std::vector<std::string> subscribe{
      "mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-c", "-i", "reader", "-q", "1", "-t",
      "greetings",     "-C", "1",         "-W", "30"};
  std::vector<std::string> only_subscribe = subscribe;
  only_subscribe.insert(only_subscribe.end(), {"-E"});
  ASSERT_EQ(run(only_subscribe).exit_code, 0);
  ASSERT_EQ(run({"mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-q", "1", "-t", "greetings", "-m", "hello"}).exit_code, 0);
  mosquitto.restart();
  EXPECT_EQ(run(subscribe).output, "hello\n");
}

TEST(PrivateMosquitto, SpeaksWebsocketsWhenAsked) {
  const PrivateMosquitto mosquitto({.websockets = true});
  EXPECT_TRUE(accepts_connections(mosquitto.websockets_port()));
}

// The test itself is killed: this binary runs again as a process that starts servers and then hangs.
TEST(PrivateServers, AreGoneWhenTheTestIsKilled) {
  const TemporaryFolder folder;
  const std::string note = folder / "note";
  Process test = Process::start(
      {"/proc/self/exe", "--gtest_also_run_disabled_tests", "--gtest_filter=PrivateServers.DISABLED_HangWithServersRunning"},
      {.environment = {{"NOTE", note}}});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(note); }));
  std::ifstream file(note);
  pid_t postgres = 0;
  pid_t mosquitto = 0;
  std::string data;
  std::string disk;
  file >> postgres >> mosquitto >> data >> disk;
  ASSERT_TRUE(process_exists(postgres) && process_exists(mosquitto) && std::filesystem::exists(data));

  test.kill(SIGKILL);

  EXPECT_TRUE(eventually([&] { return !process_exists(postgres) && !process_exists(mosquitto); }));
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(data) && !std::filesystem::exists(disk); }));
}

TEST(PrivateServers, DISABLED_HangWithServersRunning) {
  const PrivatePostgres postgres;
  const PrivateMosquitto mosquitto;
  const TemporaryFolder folder;
  const SmallDisk disk(folder / "disk", 1 << 20);  // a folder, where mounting is not allowed
  const std::string note = std::getenv("NOTE");
  std::ofstream(note + ".new") << postgres.pid() << ' ' << mosquitto.pid() << ' ' << postgres.data_folder().string() << ' '
                               << (folder / "disk").string() << '\n';
  std::filesystem::rename(note + ".new", note);
  pause();
}

}  // namespace
}  // namespace hermes::test_support
