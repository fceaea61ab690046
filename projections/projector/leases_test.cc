// Leases share the partitions of a projection fairly among whoever is alive, and fence off whoever is not: an owner that was
// paused for longer than its lease writes nothing when it wakes.
#include "projections/projector/leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "projections/projector/test_leases.h"
#include "tests/support/eventually.h"

namespace hermes::projections {
namespace {

using namespace test_support;
using domain::Status;
using eventstore::Partition;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::SizeIs;

TEST_F(LeasesTest, OneProcessTakesAll) {
  Process one = process("one");
  settle({&one});
  expect_all_owned_once({&one});
}

TEST_F(LeasesTest, WhoJoinsGetsAFairShare) {
  Process one = process("one");
  settle({&one});
  Process two = process("two");
  settle({&two, &one});
  EXPECT_EQ(one.share(), 4u);
  expect_all_owned_once({&one, &two});

  Process three = process("three");
  settle({&three, &one, &two});
  // 8 among 3: the first by name take one of the rest each.
  EXPECT_EQ(one.share(), 3u);
  EXPECT_EQ(three.share(), 3u);
  EXPECT_EQ(two.share(), 2u);
  expect_all_owned_once({&one, &two, &three});
}

TEST_F(LeasesTest, MoreProcessesThanPartitionsLeaveSomeIdle) {
  std::vector<Process> processes;
  std::vector<Process*> all;
  for (int i = 0; i < kPartitions + 2; ++i) processes.push_back(process("p" + std::to_string(i)));
  for (Process& one : processes) all.push_back(&one);
  settle(all);
  for (const Process* one : all) EXPECT_THAT(one->partitions(), SizeIs(testing::Le(1)));
  expect_all_owned_once(all);
}

TEST_F(LeasesTest, WhoLeavesIsInheritedFromAtOnce) {
  Process one = process("one"), two = process("two"), three = process("three");
  settle({&one, &two, &three});
  two.leases->release();
  EXPECT_EQ(two.share(), 0u);
  EXPECT_EQ(database->value("SELECT count(*) FROM projection_leases WHERE owner = 'two'"), "0");
  settle({&one, &three});
  EXPECT_EQ(one.share(), 4u);
  expect_all_owned_once({&one, &three});
}

TEST_F(LeasesTest, ADeadOnesPartitionsMoveWhenItsLeaseHasRunOutAndNotBefore) {
  Process one = process("one"), two = process("two");
  settle({&one, &two});
  const std::set<Partition> before = two.partitions();
  settle({&two});  // one does not come any more; its lease still runs
  EXPECT_EQ(two.partitions(), before);
  let_expire("one");
  two.leases->renew();
  expect_all_owned_once({&two});
}

TEST_F(LeasesTest, KnowsWhenTheNextOfTheOthersRunsOut) {
  Process one = process("one"), two = process("two");
  one.leases->renew();
  EXPECT_EQ(one.leases->next_expiry_of_others(), std::nullopt);
  two.leases->renew();
  database->execute("UPDATE projection_leases SET expires_at = clock_timestamp() + interval '100 s' WHERE owner = 'one'");
  // Its leases run out before its membership: it is as alive as the last of them.
  two.leases->renew();
  EXPECT_GT(two.leases->next_expiry_of_others(), milliseconds(100'000));
  database->execute("UPDATE projection_members SET expires_at = clock_timestamp() + interval '90 s' WHERE instance = 'one'");
  two.leases->renew();
  EXPECT_GT(two.leases->next_expiry_of_others(), milliseconds(0));
  EXPECT_LE(two.leases->next_expiry_of_others(), milliseconds(100'000));
  let_expire("one");
  two.leases->renew();
  EXPECT_EQ(two.leases->next_expiry_of_others(), std::nullopt);
}

TEST_F(LeasesTest, WhoHasBeenDeadForADayIsForgotten) {
  database->execute(
      "INSERT INTO projection_members (projection, instance, expires_at) VALUES "
      "('chat', 'long gone', clock_timestamp() - interval '25 hours'), ('chat', 'gone', clock_timestamp() - interval '23 "
      "hours'), "
      "('inbox', 'long gone', clock_timestamp() - interval '25 hours')");
  Process one = process("one");
  one.leases->renew();
  EXPECT_THAT(database->column("SELECT projection || ' ' || instance FROM projection_members ORDER BY 1"),
              ElementsAre("chat gone", "chat one", "inbox long gone"));
}

TEST_F(LeasesTest, AStartUnderTheSameNameNeedNotWaitForItsOwnLease) {
  {
    Process one = process("one");
    settle({&one});
  }
  Process again = process("one");
  EXPECT_TRUE(eventually([&] {  // as soon as the server has noticed that the former session is over
    again.leases->renew();
    return again.share() == kPartitions;
  }));
  expect_all_owned_once({&again});
}

// An operator's mistake: one HERMES_INSTANCE for all. They would take the partitions from each other for ever.
TEST_F(LeasesTest, OfTwoUnderOneNameTheSecondWaitsForTheFirstToEnd) {
  auto one = std::make_unique<Process>(process("one"));
  one->leases->renew();
  Process second = process("one");
  settle({&second, one.get()});
  EXPECT_EQ(second.share(), 0U);
  EXPECT_EQ(one->share(), kPartitions);
  one->leases->release();
  second.leases->renew();
  expect_all_owned_once({&second});
}

TEST_F(LeasesTest, EveryNewOwnerHasAHigherEpoch) {
  Process one = process("one"), two = process("two");
  one.leases->renew();
  const std::map<Partition, Epoch> before = one.leases->owned();
  let_expire("one");
  two.leases->renew();
  for (const auto& [partition, epoch] : two.leases->owned()) EXPECT_GT(epoch, before.at(partition));
}

TEST_F(LeasesTest, TheNewOwnerEndsTheSessionOfTheOldOne) {
  Process one = process("one"), two = process("two");
  one.leases->renew();
  let_expire("one");
  two.leases->renew();
  EXPECT_THROW(one.leases->renew(), pqxx::failure);  // the connection is gone
}

// A process that woke up late, whose session nobody could end.
TEST_F(LeasesTest, AnOwnerThatWasPausedPastItsLeaseIsRefused) {
  writer->append({message("m-1"), message("m-2"), message("m-3"), receipt("m-1", Status::read)});
  Process one = process("one");
  one.leases->renew();
  database->execute("UPDATE projection_leases SET owner = 'two', epoch = epoch + 1");
  EXPECT_THROW(fold(one, chat()), LeaseLost);
  EXPECT_EQ(database->value(kRows), "0 0");
  EXPECT_EQ(database->value("SELECT max(next_offset) FROM projection_checkpoints"), "0");
}

// The same owner, but a second life of it: only the epoch differs.
TEST_F(LeasesTest, TheEpochAloneTellsTwoLivesApart) {
  writer->append({message("m-1")});
  Process one = process("one");
  one.leases->renew();
  database->execute("UPDATE projection_leases SET epoch = epoch + 1");
  EXPECT_THROW(fold(one, chat()), LeaseLost);
  EXPECT_EQ(database->value(kRows), "0 0");
}

// Writes as chat does; then something happens before the transaction goes on.
class Paused : public Projection {
 public:
  explicit Paused(std::function<void()> meanwhile) : meanwhile_(std::move(meanwhile)) {}
  std::string_view name() const override { return chat().name(); }
  std::span<const std::string_view> tables() const override { return chat().tables(); }
  std::span<const std::string_view> event_types() const override { return chat().event_types(); }
  void apply(std::span<const eventstore::RecordedEvent> events, Target target) const override {
    chat().apply(events, target);
    meanwhile_();
  }

 private:
  std::function<void()> meanwhile_;
};

TEST_F(LeasesTest, AnOwnerThatWasPausedInTheMiddleOfItsTransactionIsRefused) {
  writer->append({message("m-1"), message("m-2"), message("m-3"), receipt("m-1", Status::read)});
  Process one = process("one");
  one.leases->renew();
  // Paused after it has written its rows; meanwhile its lease has run out and another process has taken the partitions.
  const Paused paused([&] { database->execute("UPDATE projection_leases SET owner = 'two', epoch = epoch + 1"); });
  EXPECT_THROW(fold(one, paused), LeaseLost);
  EXPECT_EQ(database->value(kRows), "0 0");
  EXPECT_EQ(database->value("SELECT max(next_offset) FROM projection_checkpoints"), "0");

  database->execute("UPDATE projection_leases SET owner = NULL, expires_at = '-infinity'");
  Process two = process("two");
  let_expire("one");
  two.leases->renew();
  fold(two, chat());
  EXPECT_EQ(database->value(kRows), "3 7");
}

TEST_F(LeasesTest, ALostPartitionDoesNotTakeTheOthersAlong) {
  writer->append({message("m-1"), message("m-2"), message("m-3"), message("m-4"), message("m-5")});
  Process one = process("one");
  one.leases->renew();
  database->execute("UPDATE projection_leases SET epoch = epoch + 1 WHERE partition = 3");
  try {
    fold(one, chat());
    FAIL() << "it was not refused";
  } catch (const LeaseLost& lost) {
    EXPECT_THAT(lost.partitions, ElementsAre(3));
    one.leases->lost(3);
  }
  fold(one, chat());
  EXPECT_EQ(
      database->value("SELECT count(*) FROM projection_checkpoints checkpoint JOIN event_log_heads head USING (partition) "
                      "WHERE (checkpoint.next_offset = head.next_offset) <> (partition <> 3 OR head.next_offset = 0)"),
      "0");
}

}  // namespace
}  // namespace hermes::projections
