// Proves that a wall clock which jumps, under load and for everybody at once, loses, doubles and stops nothing, and that the
// log's own times never go back. The witness is the sender's own list of acknowledged ids, compared with the tables by SQL.
#include <gmock/gmock.h>

#include <iostream>

#include "tests/support/eventually.h"
#include "tests/support/faults/shifted_clock.h"
#include "tests/support/log_fixture.h"
#include "tests/support/running_services.h"
#include "tests/support/witness.h"

namespace hermes::test_support {
namespace {

using std::chrono::hours;
using testing::IsEmpty;

class ClockJump : public testing::Test {
 protected:
  bool seen_by_postgres(hours ahead) {
    const double hours_ahead =
        std::stod(database_.value("SELECT extract(epoch FROM clock_timestamp()) / 3600")) -
        std::chrono::duration<double, hours::period>(std::chrono::system_clock::now().time_since_epoch()).count();
    return std::abs(hours_ahead - static_cast<double>(ahead.count())) < 0.5;
  }
  bool messages_flow() {
    const std::int64_t before = number("SELECT sum(next_offset) FROM event_log_heads");
    return eventually([&] { return number("SELECT sum(next_offset) FROM event_log_heads") >= before + 4'000; });
  }
  // The projector has a lease and folds what came before now.
  bool projector_follows() {
    const std::int64_t events = number("SELECT sum(next_offset) FROM event_log_heads");
    return eventually(
        [&] { return number("SELECT sum(next_offset) FROM projection_checkpoints WHERE projection = 'chat'") >= events; });
  }
  std::int64_t number(const std::string& sql) { return std::stoll(database_.value(sql)); }

  void expect_nothing_lost_or_doubled(Witness& witness) {
    const Witness::Testimony testimony = witness.finish();
    EXPECT_TRUE(testimony.report.complete);
    EXPECT_EQ(ingester_.stop(), 0);
    wait_until_projected(database_);
    EXPECT_EQ(projector_.stop(), 0);
    const Account account = account_of(database_, testimony.acknowledged_ids);
    EXPECT_TRUE(nothing_lost_or_doubled(account)) << account;
    EXPECT_THAT(faults_of_log(database_), IsEmpty());  // among them: recorded_at that goes back
    std::cout << testimony.report.published << " messages, " << testimony.report.sent_again << " sent again; " << account
              << "\n";
  }

  ShiftedClock clock_;  // before what it is for
  bench::Stack stack_{hermes_command()};
  RunningServices services_{stack_};
  bench::Service& ingester_ = services_.ingester;
  bench::Service& projector_ = services_.projector;
  Database database_{stack_.postgres().superuser()};
};

TEST_F(ClockJump, ForwardsAndFarBackUnderLoad) {
  Witness witness(stack_, std::min(faults_rate(), 2000.0));
  ASSERT_TRUE(messages_flow());
  for (const hours ahead : {hours(24), hours(-48), hours(1), hours(0)}) {
    clock_.set_ahead(ahead);
    ASSERT_TRUE(seen_by_postgres(ahead));
    EXPECT_TRUE(messages_flow()) << ahead.count();
    EXPECT_TRUE(projector_follows()) << ahead.count();
    EXPECT_TRUE(eventually([&] { return ingester_.ready() && projector_.ready(); })) << ahead.count();
    EXPECT_GE(ingester_.metric("hermes_ingest_spool_age_seconds").value_or(-1), 0);
  }
  expect_nothing_lost_or_doubled(witness);
  EXPECT_EQ(database_.value(
                "SELECT bool_and(last_recorded_at > now() + interval '23 hours') FROM event_log_heads WHERE next_offset > 0"),
            "t");
}

// What waits in the spool came at a time that the clock has not reached again: nobody is told that it waits since the future.
TEST_F(ClockJump, BackWhileMessagesWaitShowsNoTimeBelowZero) {
  Witness witness(stack_, std::min(faults_rate(), 1000.0));
  ASSERT_TRUE(messages_flow());
  {
    const OpenTransaction somebody(stack_.postgres().superuser(), "SELECT FROM event_log_heads FOR UPDATE");
    const auto waiting = [&] { return ingester_.metric("hermes_ingest_spool_messages").value_or(0); };
    ASSERT_TRUE(eventually([&] { return waiting() > 0; }));
    clock_.set_ahead(hours(-48));
    // The gauges are set one after the other, once a second, and more messages come: by the second time all are of after the
    // jump.
    for (int time = 0; time < 2; ++time) {
      const double before = waiting();
      ASSERT_TRUE(eventually([&] { return waiting() > before; }));
    }
    EXPECT_GE(ingester_.metric("hermes_ingest_spool_age_seconds").value_or(-1), 0);
    // What `hermes status` shows.
    const std::string reported =
        "FROM service_heartbeats WHERE service = 'ingester' AND (details->>'spool_messages')::bigint >= " +
        std::to_string(static_cast<std::int64_t>(waiting()));
    ASSERT_TRUE(eventually([&] { return number("SELECT count(*) " + reported) == 1; }));
    EXPECT_GE(number("SELECT details->>'spool_age_seconds' " + reported), 0);
  }
  EXPECT_TRUE(messages_flow());
  EXPECT_GE(ingester_.metric("hermes_ingest_delay_seconds_sum").value_or(-1), 0);
  expect_nothing_lost_or_doubled(witness);
}

}  // namespace
}  // namespace hermes::test_support
