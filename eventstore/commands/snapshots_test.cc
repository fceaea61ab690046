// Snapshots of long streams on a real database: they are used, and damage to them changes no result.
#include "eventstore/commands/snapshots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

#include "tests/support/log_fixture.h"

namespace hermes::eventstore {
namespace {

using namespace test_support;
using domain::Status;
using testing::Each;
using testing::ElementsAre;
using testing::Gt;
using testing::IsEmpty;

constexpr int kBatch = 1'000;
const std::string kStream = "message/announcement";

std::string user_name(int i) { return "user-" + std::to_string(i); }

class Snapshots : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new LogServer; }
  static void TearDownTestSuite() { delete server_; }

  void SetUp() override {
    server_->new_log();
    database_ = std::make_unique<Database>(server_->settings());
    forget();
  }
  void TearDown() override { EXPECT_THAT(faults_of_log(*database_), IsEmpty()); }

  void forget() {
    connection_ = *postgres::connect(server_->settings("hermes_ingester"));
    handler_ = std::make_unique<CommandHandler>(*connection_, HandlerSettings{});
  }

  std::vector<std::string> handle(std::vector<domain::Command> commands) {
    auto handled = handler_->handle(batch(std::move(commands)));
    if (!handled) return {"error: " + handled.error().detail};
    return outcomes(*handled);
  }

  void announce_to(int recipients) {
    ASSERT_THAT(handle({message("announcement", "fredy", "all")}), ElementsAre("appended"));
    for (int begin = 0; begin < recipients; begin += kBatch) {
      std::vector<domain::Command> receipts;
      for (int i = begin; i < std::min(recipients, begin + kBatch); ++i) {
        receipts.push_back(receipt("announcement", Status::delivered, user_name(i)));
      }
      ASSERT_THAT(handle(std::move(receipts)), Each("appended"));
    }
  }

  // The announcement as a handler loads it that has never seen it; snapshot_at tells how much came from the snapshot.
  CachedAggregate loaded() {
    const StreamKey key = stream_key(kStream);
    CachedAggregate aggregate{domain::Message(), 0, 0};
    const StreamToLoad stream{partition_of(key, handler_->partition_count()), key, &aggregate};
    pqxx::work transaction(*connection_);
    load_streams(*connection_, std::span(&stream, 1));
    return aggregate;
  }

  static LogServer* server_;
  std::unique_ptr<Database> database_;
  postgres::ConnectionPtr connection_;
  std::unique_ptr<CommandHandler> handler_;
};
LogServer* Snapshots::server_ = nullptr;

TEST_F(Snapshots, AreTakenOfLongStreamsOnly) {
  handle({message("m1"), receipt("m1", Status::delivered), receipt("m1", Status::read)});
  announce_to(2 * kBatch);
  EXPECT_EQ(database_->value("SELECT count(*) FROM stream_snapshots"), "1");
  EXPECT_THAT(loaded().snapshot_at, Gt(kSnapshotAfter));
}

TEST_F(Snapshots, GiveTheSameStateAsTheEvents) {
  announce_to(2 * kBatch + 7);
  const CachedAggregate with = loaded();
  database_->execute("DELETE FROM stream_snapshots");
  const CachedAggregate without = loaded();
  EXPECT_EQ(without.snapshot_at, 0);
  EXPECT_EQ(with.next_version, without.next_version);
  EXPECT_EQ(std::get<domain::Message>(with.aggregate), std::get<domain::Message>(without.aggregate));
}

TEST_F(Snapshots, AreTakenAgainWhereTheyAreMissing) {
  announce_to(2 * kBatch);
  database_->execute("DELETE FROM stream_snapshots");
  forget();
  EXPECT_THAT(handle({receipt("announcement", Status::delivered, user_name(1)), receipt("announcement", Status::read, "zoe")}),
              ElementsAre("duplicate", "appended"));
  EXPECT_EQ(loaded().snapshot_at, 2 * kBatch + 3);
}

TEST_F(Snapshots, ThatWereDamagedAreIgnoredAndTakenAgain) {
  announce_to(2 * kBatch);
  for (const char* damage : {
           "snapshot = set_byte(snapshot, 100, get_byte(snapshot, 100) # 1)",  // a flipped bit
           "snapshot = set_byte(snapshot, 0, 99)",                             // another layout
           "snapshot = substr(snapshot, 1, length(snapshot) / 2)",             // torn
           "snapshot = ''",                                                    // nothing
           "next_version = next_version - 1",                                  // of another version
           "next_version = 2000000000",                                        // of a version that the log does not have
       }) {
    database_->execute(std::string("UPDATE stream_snapshots SET ") + damage);
    forget();
    EXPECT_EQ(loaded().snapshot_at, 0) << damage;
    EXPECT_THAT(handle({receipt("announcement", Status::delivered, user_name(1))}), ElementsAre("duplicate")) << damage;
    EXPECT_THAT(loaded().snapshot_at, Gt(kSnapshotAfter)) << damage;
  }
}

TEST_F(Snapshots, OfAnotherStreamAreIgnored) {
  announce_to(kBatch);
  handle({message("m1", "fredy", "all"), receipt("m1", Status::read, "david")});
  database_->execute(
      "INSERT INTO stream_snapshots SELECT e.partition, e.stream_key, 3, s.snapshot FROM stream_snapshots s, event_log e "
      "WHERE e.stream_id = 'message/m1' AND e.version = 0");
  forget();
  EXPECT_THAT(handle({receipt("m1", Status::read, "david"), receipt("m1", Status::delivered, user_name(3))}),
              ElementsAre("duplicate", "appended"));
}

// The figure is told, not asserted.
TEST_F(Snapshots, LoadABroadcastWithFiftyThousandReceipts) {
  announce_to(50 * kBatch);
  const auto milliseconds_at_best = [&](CachedAggregate& aggregate) {
    double best = 1e9;
    for (int i = 0; i < 20; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      aggregate = loaded();
      best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    return best;
  };
  CachedAggregate with, without;
  const double fast = milliseconds_at_best(with);
  EXPECT_THAT(with.snapshot_at, Gt(48 * kBatch));
  database_->execute("DELETE FROM stream_snapshots");
  const double slow = milliseconds_at_best(without);
  EXPECT_EQ(std::get<domain::Message>(with.aggregate), std::get<domain::Message>(without.aggregate));
  std::cout << "50,000 receipts: loaded in " << fast << " ms with their snapshot, in " << slow << " ms without\n";
}

}  // namespace
}  // namespace hermes::eventstore
