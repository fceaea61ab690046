// Proves that a message whose acknowledgement its sender has seen is in the log and in the tables, once, whatever dies under
// load: the ingester, the database, the connection between them, the broker, or the room on one of their disks. The witness is
// the sender's own list of acknowledged ids, compared with the tables by SQL.
#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include "tests/servers/postgres_template.h"
#include "tests/support/eventually.h"
#include "tests/support/faults/small_disk.h"
#include "tests/support/log_fixture.h"
#include "tests/support/network/tcp_proxy.h"
#include "tests/support/witness.h"

namespace hermes::test_support {
namespace {

using testing::IsEmpty;

class IngesterFaults : public testing::Test {
 protected:
  void start() { start(faults_rate(), std::chrono::seconds(2)); }
  void start(double per_second, std::chrono::milliseconds send_again_after) {
    ingester_.start();
    ingester_.wait_ready();
    witness_.emplace(stack_, per_second, send_again_after);
    ASSERT_TRUE(messages_flow());
  }

  std::int64_t events_in_log() {
    return std::stoll(database_->value("SELECT coalesce(sum(next_offset), 0) FROM event_log_heads"));
  }

  // More messages reach the log from now on.
  bool messages_flow() {
    const std::int64_t before = events_in_log();
    return eventually([&] { return events_in_log() > before; });
  }

  // What every fault must leave behind.
  void expect_nothing_lost_or_doubled() {
    const Witness::Testimony testimony = witness_->finish();
    const load::Report& report = testimony.report;
    EXPECT_TRUE(report.complete) << report.published - report.acknowledged << " messages were never acknowledged";
    EXPECT_EQ(ingester_.stop(), 0);
    project_everything(stack_, *database_);
    const Account account = account_of(*database_, testimony.acknowledged_ids);
    EXPECT_TRUE(nothing_lost_or_doubled(account)) << account;
    EXPECT_THAT(faults_of_log(*database_), IsEmpty());
    // For the reader of the log: under what load this was.
    std::cout << report.published << " messages, "
              << static_cast<int>(static_cast<double>(report.published) / report.publish_seconds) << "/s, " << report.sent_again
              << " sent again, " << report.reconnects << " reconnects; " << account << "\n";
  }

  // Connections of the test itself end with a database that is stopped.
  void reconnect() { database_.emplace(stack_.postgres().superuser()); }

  // A fault that lasts: what is sent again meanwhile piles up at the broker, so senders are more patient.
  void start_for_long_fault() { start(faults_rate(), std::chrono::seconds(10)); }

  double not_taken() const { return ingester_.metric("hermes_ingest_not_taken_messages_total").value_or(0); }

  void use_spool_on(const std::filesystem::path& folder) {
    ingester_ = stack_.ingester("ingester", {{"HERMES_SPOOL_DIR", folder}});
  }

  // The broker's log says whom it gives up.
  bench::Stack stack_{hermes_command(), {.mosquitto = {.settings = {"connection_messages true"}}}};
  bench::Service ingester_ = stack_.ingester();
  std::optional<Database> database_{std::in_place, stack_.postgres().superuser()};
  std::optional<Witness> witness_;
};

TEST_F(IngesterFaults, KilledTwentyTimesAtRandomPoints) {
  start();
  std::mt19937 random(std::random_device{}());
  for (int kill = 0; kill < 20; ++kill) {
    // Anywhere: while it starts, replays its spool, in the middle of a batch. This is the fault's own time, nothing is awaited.
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution(50, 1000)(random)));
    ASSERT_TRUE(ingester_.running()) << "it ended by itself; see its log";
    ingester_.kill();
    ingester_.start();
  }
  ingester_.wait_ready();
  EXPECT_TRUE(messages_flow());
  expect_nothing_lost_or_doubled();
}

TEST_F(IngesterFaults, DatabaseStoppedAtOnceThreeTimes) {
  start();
  for (int stop = 0; stop < 3; ++stop) {
    stack_.postgres().restart(PrivatePostgres::Stop::immediate);
    reconnect();
    EXPECT_TRUE(messages_flow());
  }
  expect_nothing_lost_or_doubled();
}

TEST_F(IngesterFaults, BrokerKilledThreeTimes) {
  start();
  for (int kill = 0; kill < 3; ++kill) {
    stack_.mosquitto().kill();
    stack_.mosquitto().start();
    EXPECT_TRUE(messages_flow());
  }
  expect_nothing_lost_or_doubled();
}

// Anywhere in a batch and in what the database answers, COMMIT among it: whether that took effect is found out and not guessed.
TEST_F(IngesterFaults, DatabaseConnectionCutThirtyTimesAtRandomBytes) {
  TcpProxy proxy(stack_.postgres().port());
  ingester_ = stack_.ingester("ingester", {{"POSTGRES_PORT", std::to_string(proxy.port())}});
  start();
  std::mt19937 random(std::random_device{}());
  for (std::uint64_t cut = 0; cut < 30; ++cut) {
    const std::uint64_t before = proxy.cuts();
    if (cut % 2 == 0) {
      proxy.cut_after_client_bytes(std::uniform_int_distribution<std::uint64_t>(1, 50'000)(random));
    } else {
      proxy.cut_after_server_bytes(std::uniform_int_distribution<std::uint64_t>(1, 500)(random));
    }
    ASSERT_TRUE(eventually([&] { return proxy.cuts() > before; }));
    EXPECT_TRUE(messages_flow());
  }
  expect_nothing_lost_or_doubled();
}

// The broker gives up a client that is silent for one and a half of its keep-alive; what it sent meanwhile is sent again.
TEST_F(IngesterFaults, PausedForLongerThanTheKeepAlive) {
  ingester_ = stack_.ingester("ingester", {{"HERMES_MQTT_KEEP_ALIVE_SECONDS", "2"}});
  start_for_long_fault();
  ingester_.signal(SIGSTOP);
  const auto given_up = [&] {
    std::ifstream log(stack_.mosquitto().log_file());
    const std::string text{std::istreambuf_iterator<char>(log), {}};
    return text.find("exceeded timeout") != std::string::npos;
  };
  EXPECT_TRUE(eventually(given_up)) << "the broker has not given the ingester up";
  ingester_.signal(SIGCONT);
  EXPECT_TRUE(messages_flow());
  expect_nothing_lost_or_doubled();
}

TEST_F(IngesterFaults, DatabaseDiskFull) {
  SmallDisk disk(stack_.folder() / "database-disk", 4 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root";
  if (const auto user = private_servers::postgres_user()) disk.give_to(user->uid, user->gid);
  database_->execute("CREATE TABLESPACE small LOCATION '" + disk.path().string() + "'");
  database_->execute("ALTER TABLE event_log SET TABLESPACE small");
  start_for_long_fault();
  const auto refused = [&] { return ingester_.metric("hermes_ingest_database_failures_total").value_or(0); };
  EXPECT_TRUE(eventually([&] { return refused() >= 3; }));
  EXPECT_TRUE(eventually([&] { return !ingester_.ready(); }));
  disk.grow_to(64 << 20);
  EXPECT_TRUE(messages_flow());
  EXPECT_TRUE(eventually([&] { return ingester_.ready(); }));
  expect_nothing_lost_or_doubled();
  database_->execute("ALTER TABLE event_log SET TABLESPACE pg_default");  // before the disk goes
  database_->execute("DROP TABLESPACE small");
}

// With the database away the spool grows until its disk is full. Then messages must stay with the broker, unacknowledged.
TEST_F(IngesterFaults, SpoolDiskFull) {
  const SmallDisk disk(stack_.folder() / "disk", 2 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root";
  use_spool_on(stack_.folder() / "disk" / "spool");
  start_for_long_fault();
  stack_.postgres().stop(PrivatePostgres::Stop::immediate);
  ASSERT_TRUE(eventually([&] { return not_taken() > 0; }));
  // It asks for more only when there is room, however long the disk is full: this is the fault's own time.
  std::this_thread::sleep_for(std::chrono::seconds(3));
  EXPECT_EQ(not_taken(), 1);
  // A life that begins on the full disk.
  ingester_.kill();
  ingester_.start();
  ASSERT_TRUE(eventually([&] { return not_taken() > 0; }));
  stack_.postgres().start();
  reconnect();
  EXPECT_TRUE(messages_flow());
  expect_nothing_lost_or_doubled();
}

}  // namespace
}  // namespace hermes::test_support
