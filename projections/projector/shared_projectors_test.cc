// Several projectors, in threads of this process, share the partitions and fold each event once, whoever comes and goes.
#include "projections/projector/projector.h"
#include "projections/projector/test_leases.h"
#include "tests/support/eventually.h"

namespace hermes::projections {
namespace {

using namespace test_support;
using domain::Status;
using std::chrono::milliseconds;

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
