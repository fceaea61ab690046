// Proves that several ingesters which share the load make one log: one of them is killed again and again under load, and the
// broker hands receipts to another ingester than their message, most of them before it. The witness is the sender's own list of
// acknowledged ids and the receipts that were sent, compared with the tables by SQL.
#include <gmock/gmock.h>

#include <algorithm>
#include <iostream>
#include <random>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"
#include "tests/support/log_fixture.h"
#include "tests/support/witness.h"

namespace hermes::test_support {
namespace {

using testing::IsEmpty;

constexpr int kKills = 8;
constexpr int kReceiptsPerKill = 250;
constexpr int kAhead = 1000;                                    // messages whose receipts come first
constexpr int kReceipted = kAhead + kKills * kReceiptsPerKill;  // messages that are delivered and read

class SharedIngesters : public testing::Test {
 protected:
  bench::Service ingester(const std::string& name) { return stack_.ingester(name, {{"HERMES_SHARE_GROUP", "hermes"}}); }

  // The receiver says of the witness's messages [from, to), sent by then or not, that they have come and were read. Returns
  // while that is under way.
  Process publish_receipts(int from, int to) {
    Process publisher =
        Process::start({"mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", std::to_string(stack_.mosquitto().port()), "-q",
                        "1", "-t", "chat/messages/receipts", "-l"},
                       {.output = stack_.folder() / "publisher.log", .input_by_pipe = true});
    for (int number = from; number < to; ++number) {
      const std::string id = load::message_id("witness", static_cast<std::uint64_t>(number));
      const std::string user = "peer-" + std::to_string(number % 100);
      publisher.write(IngestStack::status(id, "delivered", user) + "\n" + IngestStack::status(id, "read", user) + "\n");
    }
    publisher.close_input();
    return publisher;
  }

  std::int64_t count(const std::string& what) { return std::stoll(database_.value("SELECT count(*) FROM " + what)); }
  std::int64_t events(const std::string& type) { return count("event_log WHERE event_type = '" + type + "'"); }

  bench::Stack stack_{hermes_command()};
  bench::Service one_ = ingester("one");
  bench::Service two_ = ingester("two");
  Database database_{stack_.postgres().superuser()};
};

TEST_F(SharedIngesters, OneKilledUnderLoadAgainAndAgain) {
  one_.start();
  two_.start();
  one_.wait_ready();
  two_.wait_ready();
  const auto received = [](const bench::Service& service) {
    return service.metric("hermes_ingest_received_messages_total").value_or(0);
  };
  ASSERT_EQ(publish_receipts(0, kAhead).wait(), 0);
  EXPECT_TRUE(eventually([&] { return count("parked_events") == 2 * kAhead; }));
  EXPECT_GT(received(one_), 0);
  EXPECT_GT(received(two_), 0);

  Witness witness(stack_, std::min(faults_rate(), 2000.0));
  std::mt19937 random(std::random_device{}());
  for (int kill = 0; kill < kKills; ++kill) {
    const int from = kAhead + kill * kReceiptsPerKill;
    Process publisher = publish_receipts(from, from + kReceiptsPerKill);
    // Anywhere: this is the fault's own time, nothing is awaited.
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution(0, 500)(random)));
    ASSERT_TRUE(one_.running()) << "it ended by itself; see its log";
    one_.kill();
    one_.start();
    ASSERT_EQ(publisher.wait(), 0);
  }
  // Once more, all of them after their message: these take no effect.
  EXPECT_TRUE(eventually([&] { return events("MessageRead") >= kReceipted; }));
  ASSERT_EQ(publish_receipts(0, kAhead).wait(), 0);
  one_.wait_ready();
  EXPECT_TRUE(eventually([&] { return received(one_) > 0; }));

  const Witness::Testimony testimony = witness.finish();
  EXPECT_TRUE(testimony.report.complete);
  EXPECT_EQ(one_.stop(), 0);
  EXPECT_EQ(two_.stop(), 0);
  project_everything(stack_, database_);

  Account account = account_of(database_, testimony.acknowledged_ids);
  std::cout << testimony.report.published << " messages, " << testimony.report.sent_again << " sent again; " << account << "\n";
  EXPECT_EQ(account.doubled_statuses, kReceipted) << "exactly these have more statuses than the two of every message";
  account.doubled_statuses = 0;
  EXPECT_TRUE(nothing_lost_or_doubled(account)) << account;
  for (const char* type : {"MessageDelivered", "MessageRead"}) {
    EXPECT_EQ(events(type), kReceipted) << type;
    EXPECT_EQ(count("(SELECT DISTINCT stream_id FROM event_log WHERE event_type = '" + std::string(type) + "') once"),
              kReceipted)
        << type;
  }
  EXPECT_EQ(count("(SELECT FROM message_status GROUP BY message_id HAVING count(*) > 4) more"), 0);
  EXPECT_EQ(count("parked_events"), 0);
  EXPECT_THAT(faults_of_log(database_), IsEmpty());
}

}  // namespace
}  // namespace hermes::test_support
