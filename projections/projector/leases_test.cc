// Leases share the partitions of a projection fairly among whoever is alive, and fence off whoever is not: an owner that was
// paused for longer than its lease writes nothing when it wakes.
#include "projections/projector/leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "projections/projector/live_batch.h"
#include "projections/projector/projector.h"
#include "tests/support/eventually.h"
#include "tests/support/read_models.h"

namespace hermes::projections {
namespace {

using namespace test_support;
using domain::Status;
using eventstore::Partition;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int kPartitions = 8;
const std::string kRows = "SELECT (SELECT count(*) FROM chat_messages) || ' ' || (SELECT count(*) FROM message_status)";

// Long enough that none runs out while a test looks on; a lease that is to run out is made to, in the table.
constexpr milliseconds kLong{600'000};

class LeasesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  // One process, as far as leases go.
  struct Process {
    postgres::ConnectionPtr connection;
    std::unique_ptr<Leases> leases;

    std::size_t share() const { return leases->owned().size(); }
    std::set<Partition> partitions() const {
      std::set<Partition> set;
      for (const auto& [partition, epoch] : leases->owned()) set.insert(partition);
      return set;
    }
  };

  void SetUp() override {
    server->new_log(kPartitions);
    database = std::make_unique<Database>(server->settings());
    writer = std::make_unique<LogWriter>(server->settings());
    for (const char* table : {"projection_leases", "projection_checkpoints"}) {
      database->execute(std::string("INSERT INTO ") + table +
                        " (projection, partition) SELECT 'chat', partition FROM event_log_heads");
    }
  }

  static Process process(const std::string& name, milliseconds lease = kLong) {
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
    std::multiset<Partition> owned;
    for (const Process* one : processes) {
      for (Partition partition : one->partitions()) {
        owned.insert(partition);
        EXPECT_EQ(database->value("SELECT owner FROM projection_leases WHERE partition = " + std::to_string(partition)),
                  one->leases->instance());
      }
    }
    EXPECT_THAT(owned, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  }

  BatchDone fold(Process& process, const Projection& projection) {
    std::vector<Share> shares;
    const auto heads = database->column("SELECT next_offset FROM event_log_heads ORDER BY partition");
    for (const auto& [partition, epoch] : process.leases->owned()) {
      shares.push_back({partition, epoch, std::stoll(heads.at(static_cast<std::size_t>(partition))), 1'000});
    }
    return fold_live_batch(*process.connection, projection, process.leases->instance(), shares, {}, kPartitions, {1 << 20});
  }

  std::unique_ptr<Database> database;
  std::unique_ptr<LogWriter> writer;
};

std::unique_ptr<LogServer> LeasesTest::server;

const Projection& chat() { return *find_projection("chat"); }

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

// The projectors themselves, in threads of this process.
class SharedProjectors : public LeasesTest {
 protected:
  WorkerSettings settings(const std::string& instance) const {
    WorkerSettings worker;
    worker.postgres = server->settings();
    worker.instance = instance;
    worker.poll = milliseconds(100);
    return worker;
  }
  static std::vector<const Projection*> all() { return {all_projections().begin(), all_projections().end()}; }

  // "one 8, three 8, two 8": partitions by owner, over all projections.
  bool shared_as(const std::string& expected) {
    return eventually([&] {
      shares = database->value(
          "SELECT string_agg(owner || ' ' || count, ', ' ORDER BY owner) FROM (SELECT owner, count(*) AS count "
          "FROM projection_leases WHERE owner IS NOT NULL GROUP BY owner) AS shares");
      return shares == expected;
    });
  }
  std::string shares;

  void write(int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string id = "m-" + std::to_string(i);
      writer->append({message(id), receipt(id, Status::delivered), receipt(id, Status::read),
                      typing("fredy", "u" + std::to_string(i), true)});
    }
  }
  void expect_each_event_once(int messages) {
    ASSERT_TRUE(eventually([&] { return is_caught_up(*database); }));
    EXPECT_EQ(database->value(kRows), std::to_string(messages) + " " + std::to_string(4 * messages));
    EXPECT_EQ(database->value("SELECT sum(unread_count) FROM inbox"), "0");
    EXPECT_EQ(database->value("SELECT count(*) FROM typing_indicators"), std::to_string(messages));
  }
};

// Its own turn to renew comes in ten minutes.
TEST_F(SharedProjectors, TakeOverAtTheTimeWhenADeadOnesLeaseRunsOut) {
  Process dead = process("dead");
  dead.leases->renew();
  WorkerSettings patient = settings("two");
  patient.lease = std::chrono::minutes(30);
  database->execute(
      "UPDATE projection_leases SET expires_at = clock_timestamp() + interval '4 s' WHERE owner = 'dead';"
      "UPDATE projection_members SET expires_at = clock_timestamp() + interval '4 s' WHERE instance = 'dead'");
  Projector two({&chat()}, patient);
  EXPECT_TRUE(shared_as("two 8")) << shares;
}

TEST_F(SharedProjectors, FoldEachEventOnceWhileOthersComeAndGo) {
  Projector one(all(), settings("one"));
  write(0, 30);
  ASSERT_TRUE(shared_as("one 24")) << shares;
  auto two = std::make_unique<Projector>(all(), settings("two"));
  write(30, 60);
  ASSERT_TRUE(shared_as("one 12, two 12")) << shares;
  auto three = std::make_unique<Projector>(all(), settings("three"));
  write(60, 90);
  ASSERT_TRUE(shared_as("one 9, three 9, two 6")) << shares;
  expect_each_event_once(90);
  two.reset();  // it leaves
  write(90, 120);
  ASSERT_TRUE(shared_as("one 12, three 12")) << shares;
  three.reset();
  write(120, 150);
  ASSERT_TRUE(shared_as("one 24")) << shares;
  expect_each_event_once(150);
}

// One that is cut off without a word: its membership stays until it runs out, and so do its leases.
TEST_F(SharedProjectors, TakeTheWorkOfOneThatIsGone) {
  WorkerSettings quick = settings("one");
  quick.lease = milliseconds(900);
  Projector one(all(), quick);
  ASSERT_TRUE(shared_as("one 24")) << shares;
  database->execute(
      "INSERT INTO projection_members SELECT projection, 'gone', now() + interval '1 second' FROM "
      "projection_leases GROUP BY projection;"
      "UPDATE projection_leases SET owner = 'gone', epoch = epoch + 1, expires_at = clock_timestamp() + interval '1 second' "
      "WHERE partition < 4");
  write(0, 40);
  ASSERT_TRUE(shared_as("one 24")) << shares;
  expect_each_event_once(40);
}

}  // namespace
}  // namespace hermes::projections
