// Proves that a database that can't store for a while costs time and nothing else: its tables' disk full, its WAL's disk full
// (PostgreSQL goes down with that), and made read-only by an operator. What was refused meanwhile is handed in again and is in
// the log once, gapless, with its chain intact.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "eventstore/commands/command_handler.h"
#include "tests/servers/postgres_template.h"
#include "tests/support/eventually.h"
#include "tests/support/faults/small_disk.h"
#include "tests/support/log_fixture.h"
#include "tests/support/persistent_handler.h"

namespace hermes::eventstore {
namespace {

using namespace test_support;
using testing::IsEmpty;

constexpr std::size_t kMegabyte = 1 << 20;

class DatabaseStorage : public testing::Test {
 protected:
  void SetUp() override { server_.new_log(); }

  std::unique_ptr<SmallDisk> disk_of_postgres(std::size_t bytes) {
    auto disk = std::make_unique<SmallDisk>(folder_ / "disk", bytes);
    const auto user = private_servers::postgres_user();
    if (disk->mounted() && user) disk->give_to(user->uid, user->gid);
    return disk;
  }

  std::vector<Incoming> next_batch() {
    std::vector<domain::Command> commands;
    for (int i = 0; i < 500; ++i) {
      commands.push_back(message("m" + std::to_string(messages_++), "fredy", "david", std::string(1'000, 'x')));
    }
    commands.push_back(receipt("never" + std::to_string(messages_), domain::Status::read));
    return batch(std::move(commands));
  }
  void expect_every_message_once() {
    Database database(server_.settings());
    EXPECT_EQ(database.value("SELECT count(*) || ' ' || count(DISTINCT stream_id) FROM event_log"),
              std::to_string(2 * messages_) + " " + std::to_string(messages_));
    EXPECT_THAT(faults_of_log(database), IsEmpty());
  }

  TemporaryFolder folder_;
  LogServer server_;
  int messages_ = 0;
};

TEST_F(DatabaseStorage, AFullDiskUnderTheLogOnlyDelays) {
  const auto disk = disk_of_postgres(4 * kMegabyte);
  if (!disk->mounted()) GTEST_SKIP() << "a small disk can only be made by root, and where mounting is allowed";
  postgres::Settings superuser = server_.postgres().superuser();
  Database(superuser).execute("CREATE TABLESPACE small LOCATION '" + disk->path().string() + "'");
  superuser.database = server_.settings().database;
  Database(superuser).execute("ALTER TABLE event_log SET TABLESPACE small");

  PersistentHandler handler(server_.settings("hermes_ingester"), [&] {
    if (handler.later == 3) disk->grow_to(64 * kMegabyte);
  });
  for (int i = 0; i < 10; ++i) handler.handle(next_batch());

  EXPECT_EQ(handler.later, 3) << "the disk was to be full, and to stay full until it grew";
  expect_every_message_once();
  Database(superuser).execute("ALTER TABLE event_log SET TABLESPACE pg_default");
  Database(superuser).execute("DROP TABLESPACE small");
}

TEST_F(DatabaseStorage, AFullDiskUnderTheWalTakesPostgresDownAndLosesNothing) {
  const auto disk = disk_of_postgres(64 * kMegabyte);
  if (!disk->mounted()) GTEST_SKIP() << "a small disk can only be made by root, and where mounting is allowed";
  PrivatePostgres& postgres = server_.postgres();
  postgres.stop();
  const std::filesystem::path wal = postgres.data_folder() / "pg_wal";
  run({"cp", "-a", wal.string() + "/.", disk->path().string()});
  std::filesystem::remove_all(wal);
  std::filesystem::create_symlink(disk->path(), wal);
  postgres.add_setting("min_wal_size=32MB");
  postgres.add_setting("max_wal_size=512MB");
  postgres.start();

  // PostgreSQL stops itself when it can't write its log; somebody makes room and starts it again.
  std::atomic<bool> done = false;
  std::atomic<int> went_down = 0;
  std::thread operator_on_duty([&] {
    const auto is_down = [&] { return !postgres::connect(server_.settings()); };
    for (;;) {
      eventually([&] { return done || is_down(); }, std::chrono::minutes(5));
      if (done) return;
      ++went_down;
      disk->grow_to(512 * kMegabyte);
      postgres.kill();
      postgres.start();
    }
  });
  PersistentHandler handler(server_.settings("hermes_ingester"));
  constexpr int kEnoughToFillTheDisk = 200;
  for (int i = 0; i < kEnoughToFillTheDisk && went_down == 0; ++i) handler.handle(next_batch());
  for (int i = 0; i < 3; ++i) handler.handle(next_batch());
  done = true;
  operator_on_duty.join();

  EXPECT_GT(went_down, 0);
  EXPECT_GT(handler.unavailable + handler.settled_as_committed + handler.settled_as_not_committed, 0);
  expect_every_message_once();
  postgres.stop();
}

TEST_F(DatabaseStorage, AReadOnlyDatabaseOnlyDelays) {
  postgres::Settings superuser = server_.postgres().superuser();
  const auto set_read_only = [&](const std::string& value) {
    Database database(superuser);
    database.execute("ALTER SYSTEM SET default_transaction_read_only = " + value);
    database.execute("SELECT pg_reload_conf()");
  };
  PersistentHandler handler(server_.settings("hermes_ingester"), [&] {
    if (handler.later == 3) set_read_only("off");
  });
  handler.handle(next_batch());
  set_read_only("on");
  EXPECT_TRUE(eventually([&] { return Database(server_.settings()).value("SHOW default_transaction_read_only") == "on"; }));
  for (int i = 0; i < 3; ++i) handler.handle(next_batch());
  EXPECT_GE(handler.later, 3);
  expect_every_message_once();
}

// The one message that the database refuses is told from a database that refuses everything: only then it makes sense to look
// for it.
TEST_F(DatabaseStorage, APoisonMessageIsRefusedAndNotRetried) {
  Database(server_.settings()).execute("ALTER TABLE event_log ADD CHECK (octet_length(payload) < 100000)");
  const postgres::ConnectionPtr connection = *postgres::connect(server_.settings("hermes_ingester"));
  CommandHandler handler(*connection, {});
  auto refused = handler.handle(batch({message("m1"), message("m2", "fredy", "david", std::string(200'000, 'x'))}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, HandleError::Kind::refused);
  auto without = handler.handle(batch({message("m1")}));
  EXPECT_TRUE(without);
}

}  // namespace
}  // namespace hermes::eventstore
