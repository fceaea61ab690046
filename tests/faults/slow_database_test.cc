// Proves that a database which refuses nothing but takes its time costs time and nothing else: the ingester's queues stay
// bounded, the spool takes what comes, an operator is told, and afterwards every message whose acknowledgement its sender has
// seen is in the log, once. The witness is the sender's own list of acknowledged ids, compared with the tables by SQL.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <iostream>

#include "adapters/ingest/settings.h"
#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/network/tcp_proxy.h"
#include "tests/support/witness.h"

namespace hermes::test_support {
namespace {

using testing::IsEmpty;

// What may wait in the ingester's memory: its worker's queue.
const double kQueuedMax = static_cast<double>(ingest::kQueuedBatches * ingest::Settings{}.batch_messages);

class SlowDatabase : public testing::Test {
 protected:
  // Messages are sent again every two seconds until they are acknowledged, so that what is late comes twice and more.
  void start(bench::Service& ingester) {
    ingester.start();
    ingester.wait_ready();
    witness_.emplace(stack_, std::min(faults_rate(), 2000.0));
    ASSERT_TRUE(eventually([&] { return events_in_log() > 0; }));
  }

  std::int64_t events_in_log() {
    return std::stoll(database_.value("SELECT coalesce(sum(next_offset), 0) FROM event_log_heads"));
  }

  // Watches the ingester until the condition holds.
  template <class Condition>
  bool eventually_within_bounds(const bench::Service& ingester, Condition condition) {
    return eventually([&] {
      queued_max_ = std::max(queued_max_, ingester.metric("hermes_ingest_queued_messages").value_or(0));
      resident_max_ = std::max(resident_max_, ingester.metric("process_resident_memory_bytes").value_or(0));
      return condition();
    });
  }
  void expect_bounded() {
    EXPECT_GT(queued_max_, 0);
    EXPECT_LE(queued_max_, kQueuedMax);
    EXPECT_GT(resident_max_, 0);
    EXPECT_LT(resident_max_, 200e6);
  }
  bool the_spool_holds_more_than_the_queue(const bench::Service& ingester) {
    return ingester.metric("hermes_ingest_spool_messages").value_or(0) > 2 * kQueuedMax;
  }

  static std::string text_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  Finished status() { return run({stack_.hermes(), "status", "--lag-max", "2"}, stack_.environment()); }

  void expect_nothing_lost_or_doubled(bench::Service& ingester) {
    const Witness::Testimony testimony = witness_->finish();
    EXPECT_TRUE(testimony.report.complete);
    EXPECT_GT(testimony.report.sent_again, 0);
    EXPECT_EQ(ingester.stop(), 0);
    project_everything(stack_, database_);
    const Account account = account_of(database_, testimony.acknowledged_ids);
    EXPECT_TRUE(nothing_lost_or_doubled(account)) << account;
    EXPECT_THAT(faults_of_log(database_), IsEmpty());
    std::cout << testimony.report.published << " messages, " << testimony.report.sent_again << " sent again, at most "
              << queued_max_ << " queued and " << resident_max_ / 1e6 << " MB; " << account << "\n";
  }

  bench::Stack stack_{hermes_command()};
  Database database_{stack_.postgres().superuser()};
  std::optional<Witness> witness_;
  double queued_max_ = 0;
  double resident_max_ = 0;
};

TEST_F(SlowDatabase, ThatIsHeldByALock) {
  bench::Service ingester = stack_.ingester();
  start(ingester);
  {
    const OpenTransaction somebody(stack_.postgres().superuser(), "SELECT FROM event_log_heads FOR UPDATE");
    const std::int64_t before = events_in_log();
    EXPECT_TRUE(eventually_within_bounds(ingester, [&] { return the_spool_holds_more_than_the_queue(ingester); }));
    EXPECT_TRUE(eventually_within_bounds(ingester, [&] {
      return status().output.find(" s behind the broker") != std::string::npos;
    })) << status().output;
    EXPECT_EQ(status().exit_code, 1);
    EXPECT_TRUE(eventually_within_bounds(ingester, [&] {
      return text_of(ingester.log()).find("the database takes messages too slowly") != std::string::npos;
    })) << text_of(ingester.log());
    EXPECT_GT(ingester.metric("hermes_ingest_spool_age_seconds").value_or(0), 2);
    EXPECT_EQ(events_in_log(), before);
  }
  EXPECT_TRUE(eventually_within_bounds(
      ingester, [&] { return text_of(ingester.log()).find("the database keeps up again") != std::string::npos; }));
  expect_bounded();
  EXPECT_TRUE(eventually([&] { return status().output.find(" s behind the broker") == std::string::npos; })) << status().output;
  expect_nothing_lost_or_doubled(ingester);
}

// Less comes out than goes in, for a while: batches are as large as they may be.
TEST_F(SlowDatabase, ThatAnswersLate) {
  TcpProxy proxy(stack_.postgres().port());
  bench::Service ingester = stack_.ingester("ingester", {{"POSTGRES_PORT", std::to_string(proxy.port())}});
  start(ingester);
  proxy.delay(std::chrono::milliseconds(400));
  const std::int64_t before = events_in_log();
  EXPECT_TRUE(eventually_within_bounds(ingester, [&] { return the_spool_holds_more_than_the_queue(ingester); }));
  EXPECT_TRUE(eventually_within_bounds(ingester, [&] { return events_in_log() > before; })) << "it was to be slow, not still";
  proxy.delay(std::chrono::milliseconds(0));
  EXPECT_TRUE(eventually_within_bounds(
      ingester, [&] { return ingester.metric("hermes_ingest_spool_messages").value_or(kQueuedMax) < kQueuedMax; }));
  expect_bounded();
  expect_nothing_lost_or_doubled(ingester);
}

}  // namespace
}  // namespace hermes::test_support
