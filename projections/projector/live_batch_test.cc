// A batch looks twice at whether its partitions are still its own: when it begins, so that nobody works in vain, and with its
// checkpoints, so that nobody writes what another has written. Each look by itself, and each thing that it looks at.
#include "projections/projector/live_batch.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/read_models.h"

namespace hermes::projections {
namespace {

using namespace test_support;

// Writes as chat does, and tells when.
class Watched : public Projection {
 public:
  explicit Watched(std::function<void()> applied) : applied_(std::move(applied)) {}
  std::string_view name() const override { return chat_.name(); }
  std::span<const std::string_view> tables() const override { return chat_.tables(); }
  std::span<const std::string_view> event_types() const override { return chat_.event_types(); }
  void apply(std::span<const eventstore::RecordedEvent> events, Target target) const override {
    chat_.apply(events, target);
    applied_();
  }

 private:
  const Projection& chat_ = *find_projection("chat");
  std::function<void()> applied_;
};

// What takes a lease from the first life of the projector "one".
class LiveBatch : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static inline std::unique_ptr<LogServer> server;

  void SetUp() override {
    server->new_log(1);
    database = std::make_unique<Database>(server->settings());
    LogWriter(server->settings()).append({message("m-1")});
    database->execute(
        "INSERT INTO projection_checkpoints (projection, partition) VALUES ('chat', 0);"
        "INSERT INTO projection_leases (projection, partition, owner, epoch, expires_at) VALUES ('chat', 0, 'one', 1, "
        "'infinity')");
    connection = *postgres::connect(server->settings("hermes_projector"));
  }

  BatchDone fold(const std::function<void()>& applied) {
    const Share share{0, 1, 2, 10};
    return fold_live_batch(*connection, Watched(applied), "one", std::span(&share, 1), {}, 1, {1 << 20});
  }
  void take_lease() { database->execute(std::string("UPDATE projection_leases SET ") + GetParam()); }
  std::string rows_and_checkpoint() {
    return database->value("SELECT (SELECT count(*) FROM chat_messages) || ' ' || next_offset FROM projection_checkpoints");
  }

  std::unique_ptr<Database> database;
  postgres::ConnectionPtr connection;
};

TEST_P(LiveBatch, AppliesNothingOfAPartitionThatIsNotItsOwnAnyMore) {
  take_lease();
  bool applied = false;
  EXPECT_THROW(fold([&] { applied = true; }), LeaseLost);
  EXPECT_FALSE(applied);
  EXPECT_EQ(rows_and_checkpoint(), "0 0");
}

TEST_P(LiveBatch, WritesNothingOfAPartitionThatIsTakenMeanwhile) {
  EXPECT_THROW(fold([&] { take_lease(); }), LeaseLost);
  EXPECT_EQ(rows_and_checkpoint(), "0 0");
}

TEST_P(LiveBatch, WritesWhatIsItsOwn) {
  EXPECT_EQ(fold([] {}).moved.size(), 1u);
  EXPECT_EQ(rows_and_checkpoint(), "1 2");
}

TEST_P(LiveBatch, LeavesOutAPartitionWhoseCheckpointAnotherSessionHolds) {
  OpenTransaction other(server->settings(), "SELECT FROM projection_checkpoints FOR UPDATE");
  const BatchDone done = fold([] {});
  EXPECT_EQ(done.left_out, std::vector<eventstore::Partition>{0});
  EXPECT_TRUE(done.moved.empty());
  other.commit();
  EXPECT_EQ(fold([] {}).moved.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(ByOwnerOrByEpoch, LiveBatch, testing::Values("owner = 'two'", "epoch = 2"),
                         [](const auto& taken) { return std::string(taken.param).substr(0, 5); });

}  // namespace
}  // namespace hermes::projections
