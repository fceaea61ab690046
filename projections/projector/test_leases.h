// For the tests of what shares partitions: a log of eight partitions, and processes that hold leases on those of chat.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "projections/projector/leases.h"
#include "projections/projector/live_batch.h"
#include "tests/support/read_models.h"

namespace hermes::projections {

inline constexpr int kPartitions = 8;
inline const std::string kRows = "SELECT (SELECT count(*) FROM chat_messages) || ' ' || (SELECT count(*) FROM message_status)";

// Long enough that none runs out while a test looks on; a lease that is to run out is made to, in the table.
inline constexpr std::chrono::milliseconds kLong{600'000};

class LeasesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<test_support::LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  inline static std::unique_ptr<test_support::LogServer> server;

  // One process, as far as leases go.
  struct Process {
    postgres::ConnectionPtr connection;
    std::unique_ptr<Leases> leases;

    std::size_t share() const { return leases->owned().size(); }
    std::set<eventstore::Partition> partitions() const {
      std::set<eventstore::Partition> set;
      for (const auto& [partition, epoch] : leases->owned()) set.insert(partition);
      return set;
    }
  };

  void SetUp() override {
    server->new_log(kPartitions);
    database = std::make_unique<test_support::Database>(server->settings());
    writer = std::make_unique<test_support::LogWriter>(server->settings());
    for (const char* table : {"projection_leases", "projection_checkpoints"}) {
      database->execute(std::string("INSERT INTO ") + table +
                        " (projection, partition) SELECT 'chat', partition FROM event_log_heads");
    }
  }

  static Process process(const std::string& name, std::chrono::milliseconds lease = kLong) {
    Process made{*postgres::connect(server->settings("hermes_projector")), nullptr};
    made.leases = std::make_unique<Leases>(*made.connection, "chat", name, lease);
    return made;
  }

  // What the notifications of joining and leaving bring about: everybody looks again, until nothing moves any more.
  static void settle(std::vector<Process*> processes) {
    for (int round = 0; round < 3; ++round) {
      for (Process* one : processes) one->leases->renew();
    }
  }

  // The process stands still and its time runs out.
  void let_expire(const std::string& name) {
    database->execute("UPDATE projection_leases SET expires_at = clock_timestamp() WHERE owner = '" + name +
                      "';"
                      "UPDATE projection_members SET expires_at = clock_timestamp() WHERE instance = '" +
                      name + "'");
  }

  // Each partition has exactly one owner, by the owners' own word and by the table's.
  void expect_all_owned_once(const std::vector<Process*>& processes) {
    std::multiset<eventstore::Partition> owned;
    for (const Process* one : processes) {
      for (eventstore::Partition partition : one->partitions()) {
        owned.insert(partition);
        EXPECT_EQ(database->value("SELECT owner FROM projection_leases WHERE partition = " + std::to_string(partition)),
                  one->leases->instance());
      }
    }
    EXPECT_THAT(owned, testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  }

  BatchDone fold(Process& process, const Projection& projection) {
    std::vector<Share> shares;
    const auto heads = database->column("SELECT next_offset FROM event_log_heads ORDER BY partition");
    for (const auto& [partition, epoch] : process.leases->owned()) {
      shares.push_back({partition, epoch, std::stoll(heads.at(static_cast<std::size_t>(partition))), 1'000});
    }
    return fold_live_batch(*process.connection, projection, process.leases->instance(), shares, {}, kPartitions, {1 << 20});
  }

  std::unique_ptr<test_support::Database> database;
  std::unique_ptr<test_support::LogWriter> writer;
};

inline const Projection& chat() { return *find_projection("chat"); }

}  // namespace hermes::projections
