// Proves that each event takes effect exactly once in the read models, whatever happens to the projectors: three of them share
// the work under load while one after the other is killed or paused. The witnesses are rows counted in SQL, and a fold of the
// whole log into tables of its own.
#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include "bench/stack.h"
#include "tests/support/chat_load.h"
#include "tests/support/eventually.h"
#include "tests/support/persistent_handler.h"
#include "tests/support/read_models.h"

namespace hermes::test_support {
namespace {

using testing::IsEmpty;

constexpr int kMessagesPerSecond = 400;  // about three events each: the machine is to have time for the restarts too

class ProjectorFaults : public testing::Test {
 protected:
  struct Projector {
    std::string name;
    bench::Service service;
  };

  Projector& start(const std::string& name) {
    projectors_.push_back({name, stack_.projector(name, {{"HERMES_INSTANCE", name}, {"HERMES_LEASE_MS", "1000"}})});
    projectors_.back().service.start();
    return projectors_.back();
  }

  void start_three() {
    for (const char* name : {"one", "two", "three"}) start(name);
    for (Projector& projector : projectors_) projector.service.wait_ready();
  }

  std::string owned_by(const std::string& name) {
    return database_.value("SELECT count(*) FROM projection_leases WHERE owner = '" + name + "'");
  }
  bool owns_nothing(const std::string& name) {
    return eventually([&] { return owned_by(name) == "0"; });
  }
  bool owns_something(const std::string& name) {
    return eventually([&] { return owned_by(name) != "0"; });
  }

  static std::string log_of(const Projector& projector) {
    std::ifstream file(projector.service.log());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // The log has no end of its own while a load runs: it is stopped by now.
  void expect_each_event_once() {
    for (Projector& projector : projectors_) projector.service.wait_ready();
    ASSERT_TRUE(eventually([&] { return is_caught_up(database_); }, std::chrono::minutes(2)));
    for (Projector& projector : projectors_) EXPECT_EQ(projector.service.stop(), 0) << projector.name;
    EXPECT_EQ(database_.value("SELECT count(*) FROM projection_leases WHERE owner IS NOT NULL"), "0");
    EXPECT_EQ(database_.value("SELECT count(*) FROM projection_stuck"), "0");
    EXPECT_THAT(faults_of_read_models(settings_), IsEmpty());
    EXPECT_THAT(faults_of_log(database_), IsEmpty());
  }

  std::string events() { return database_.value("SELECT sum(next_offset) FROM event_log_heads"); }

  bench::Stack stack_{hermes_command()};
  postgres::Settings settings_ = stack_.postgres().settings();
  Database database_{settings_};
  std::vector<Projector> projectors_;
  std::mt19937 random_{std::random_device{}()};
};

TEST_F(ProjectorFaults, KilledOneAtRandomAboutEverySecond) {
  start_three();
  ChatLoad load(settings_, 0, kMessagesPerSecond);
  for (int kill = 0; kill < 45; ++kill) {
    // Anywhere: while it starts, joins, or in the middle of a transaction. This is the fault's own time, nothing is awaited.
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution(200, 1'800)(random_)));
    Projector& victim = projectors_.at(std::uniform_int_distribution<std::size_t>(0, 2)(random_));
    ASSERT_TRUE(victim.service.running()) << "it ended by itself: " << log_of(victim);
    victim.service.kill();
    victim.service.start();
  }
  const int messages = load.stop();
  expect_each_event_once();
  std::cout << messages << " messages, " << events() << " events, 45 kills\n";
}

TEST_F(ProjectorFaults, AKilledOnesPartitionsMoveToTheOthers) {
  start_three();
  ASSERT_TRUE(owns_something("one") && owns_something("two") && owns_something("three"));
  ChatLoad load(settings_, 0, kMessagesPerSecond);
  // Those that stay know nothing of it but what the table says.
  projectors_[0].service.kill();
  const auto killed = std::chrono::steady_clock::now();
  EXPECT_TRUE(owns_nothing("one"));
  const std::chrono::duration<double, std::milli> moved = std::chrono::steady_clock::now() - killed;
  EXPECT_TRUE(eventually([&] { return owned_by("two") == "24" && owned_by("three") == "24"; }));
  load.stop();
  projectors_.erase(projectors_.begin());
  expect_each_event_once();
  // For the reader of the log: with a lease of 1,000 ms, on a machine that does a lot else.
  std::cout << "the last partition of a killed projector moved after " << moved.count() << " ms\n";
}

// The hardest moment: rows are written, the transaction is open, and the process stands still until its lease has run out and
// another has taken the partitions.
TEST_F(ProjectorFaults, PausedInTheMiddleOfATransactionPastItsLeaseWritesNothing) {
  Projector& one = start("one");
  one.service.wait_ready();
  ASSERT_TRUE(eventually([&] { return owned_by("one") == "48"; }));
  PersistentHandler writer(settings_);
  {
    // Whoever writes chat_messages waits.
    Database holding(settings_);
    holding.execute("BEGIN; LOCK TABLE chat_messages IN SHARE MODE");
    writer.handle(batch(some_chat(0, 200)));
    ASSERT_TRUE(eventually([&] {
      return !database_
                  .value(
                      "SELECT pid FROM pg_stat_activity JOIN projection_leases ON backend_pid = pid WHERE owner = 'one' "
                      "AND projection = 'chat' AND wait_event_type = 'Lock' LIMIT 1")
                  .empty();
    }));
    one.service.signal(SIGSTOP);
  }
  EXPECT_EQ(database_.value("SELECT count(*) FROM chat_messages"), "0");
  start("two").service.wait_ready();
  EXPECT_TRUE(owns_nothing("one"));
  EXPECT_TRUE(eventually([&] { return is_caught_up(database_); }));
  const std::string before = contents_of_all(database_);

  Projector& woken = projectors_.front();
  woken.service.signal(SIGCONT);
  EXPECT_TRUE(owns_something("one"));  // it joins again, as if new
  EXPECT_EQ(contents_of_all(database_), before);
  const std::string log = log_of(woken);
  EXPECT_THAT(log, testing::HasSubstr("trying again")) << "its session lived on";
  writer.handle(batch(some_chat(200, 400)));
  expect_each_event_once();
}

TEST_F(ProjectorFaults, PausedPastTheirLeasesUnderLoad) {
  start_three();
  ChatLoad load(settings_, 0, kMessagesPerSecond);
  for (int pause = 0; pause < 6; ++pause) {
    Projector& victim = projectors_.at(std::uniform_int_distribution<std::size_t>(0, 2)(random_));
    ASSERT_TRUE(owns_something(victim.name));
    std::this_thread::sleep_for(
        std::chrono::milliseconds(std::uniform_int_distribution(0, 300)(random_)));  // anywhere in its loop
    victim.service.signal(SIGSTOP);
    EXPECT_TRUE(owns_nothing(victim.name));
    victim.service.signal(SIGCONT);
    EXPECT_TRUE(owns_something(victim.name));
  }
  load.stop();
  expect_each_event_once();
}

TEST_F(ProjectorFaults, DatabaseStoppedAtOnceUnderLoad) {
  start_three();
  ChatLoad load(settings_, 0, kMessagesPerSecond);
  for (int stop = 0; stop < 3; ++stop) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution(200, 1'000)(random_)));
    stack_.postgres().restart(private_servers::PrivatePostgres::Stop::immediate);
    for (Projector& projector : projectors_) projector.service.wait_ready();
  }
  load.stop();
  database_ = Database(settings_);
  expect_each_event_once();
}

}  // namespace
}  // namespace hermes::test_support
