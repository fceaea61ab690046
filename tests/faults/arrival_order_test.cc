// Proves that what a sender publishes in order is read in that order, whatever stalls or dies on the way: the tables, the pages
// of the query service and the inbox are compared with the order in which a client that we did not write published.
#include <gmock/gmock.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "tests/support/eventually.h"
#include "tests/support/faults/shifted_clock.h"
#include "tests/support/ingest_stack.h"
#include "tests/support/log_fixture.h"
#include "tests/support/witness.h"

namespace hermes::test_support {
namespace {

using testing::ElementsAreArray;
using testing::IsEmpty;

constexpr int kMessages = 2'000;

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> result;
  for (int number = from; number < to; ++number) result.push_back(std::to_string(number));
  return result;
}

class ArrivalOrder : public testing::Test {
 protected:
  // Messages [from, to) of that sender to david, each with its number for content. Returns when the broker has them.
  void publish(int from, int to, const std::string& sender = "fredy") {
    std::string lines;
    for (int number = from; number < to; ++number) {
      lines += IngestStack::message(sender + "-" + std::to_string(number), sender, "david", std::to_string(number)) + "\n";
    }
    const Finished finished = run({"mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p",
                                   std::to_string(stack_.mosquitto().port()), "-q", "1", "-t", "chat/messages/david", "-l"},
                                  {}, lines, std::chrono::seconds(120));
    ASSERT_EQ(finished.exit_code, 0) << finished.errors;
  }

  static bool has_received(const bench::Service& ingester, double count) {
    return eventually([&] { return ingester.metric("hermes_ingest_received_messages_total").value_or(0) >= count; });
  }
  bool has_appended(int messages) {
    return eventually([&] {
      return database_.value("SELECT count(*) FROM event_log WHERE event_type = 'MessageReceived'") == std::to_string(messages);
    });
  }

  // The conversation of sender and david, oldest first, from the query service's pages.
  std::vector<std::string> read_history(const std::string& sender) {
    const std::string port = std::to_string(free_port());
    const Process query = Process::start({stack_.hermes(), "serve", "--port", port},
                                         {.environment = stack_.environment(), .output = stack_.folder() / "query.log"});
    const std::string first = "http://127.0.0.1:" + port + "/v1/messages?user=" + sender + "&with=david&limit=300";
    std::vector<std::string> contents;
    std::string before;
    do {
      Finished page;
      if (!eventually([&] { return (page = run({"curl", "--silent", "--fail", first + before})).exit_code == 0; })) {
        throw std::runtime_error("the query service does not answer: " + query.output());
      }
      const boost::json::value json = boost::json::parse(page.output);
      for (const auto& message : json.at("messages").as_array()) contents.emplace_back(message.at("content").as_string());
      before = json.at("next").is_null() ? "" : "&before=" + std::string(json.at("next").as_string());
    } while (!before.empty());
    std::ranges::reverse(contents);
    return contents;
  }

  // Requires: the ingesters are stopped.
  void expect_read_in_order(int messages, const std::string& sender = "fredy") {
    project_everything(stack_, database_);
    const auto in_order = ElementsAreArray(numbers(0, messages));
    EXPECT_THAT(
        database_.column("SELECT content FROM chat_messages WHERE sender_id = '" + sender + "' ORDER BY created_at, id"),
        in_order);
    EXPECT_THAT(read_history(sender), in_order);
    EXPECT_EQ(database_.value("SELECT last_content FROM inbox WHERE user_id = 'david' AND peer_id = '" + sender + "'"),
              std::to_string(messages - 1));
    EXPECT_THAT(faults_of_log(database_), IsEmpty());
  }

  ShiftedClock clock_;  // before what it is for
  bench::Stack stack_{hermes_command()};
  Database database_{stack_.postgres().superuser()};
};

TEST_F(ArrivalOrder, HoldsForOneSenderAtFullSpeed) {
  bench::Service ingester = stack_.ingester();
  ingester.start();
  ingester.wait_ready();
  publish(0, kMessages);
  ASSERT_TRUE(has_appended(kMessages));
  EXPECT_EQ(ingester.stop(), 0);
  expect_read_in_order(kMessages);
}

TEST_F(ArrivalOrder, HoldsWithFourWorkers) {
  bench::Service ingester = stack_.ingester("ingester", {{"HERMES_WORKERS", "4"}, {"HERMES_BATCH", "50"}});
  ingester.start();
  ingester.wait_ready();
  publish(0, kMessages);
  ASSERT_TRUE(has_appended(kMessages));
  EXPECT_EQ(ingester.stop(), 0);
  expect_read_in_order(kMessages);
}

// Each worker waits for other heads, so that batches end up behind one another.
TEST_F(ArrivalOrder, HoldsBehindADatabaseThatStalls) {
  bench::Service ingester = stack_.ingester("ingester", {{"HERMES_WORKERS", "4"}, {"HERMES_BATCH", "10"}});
  ingester.start();
  ingester.wait_ready();
  {
    const OpenTransaction odd_ones(stack_.postgres().superuser(),
                                   "SELECT FROM event_log_heads WHERE partition % 2 = 1 FOR UPDATE");
    publish(0, kMessages / 2);
    ASSERT_TRUE(has_received(ingester, kMessages / 2));
    ASSERT_TRUE(eventually([&] { return database_.value("SELECT count(*) > 0 FROM event_log") == "t"; }));
  }
  {
    const OpenTransaction all(stack_.postgres().superuser(), "SELECT FROM event_log_heads FOR UPDATE");
    publish(kMessages / 2, kMessages);
    ASSERT_TRUE(has_received(ingester, kMessages));
  }
  ASSERT_TRUE(has_appended(kMessages));
  EXPECT_EQ(ingester.stop(), 0);
  expect_read_in_order(kMessages);
}

TEST_F(ArrivalOrder, HoldsOverAKillInTheMiddleOfASpool) {
  bench::Service ingester = stack_.ingester("ingester", {{"HERMES_WORKERS", "4"}, {"HERMES_BATCH", "10"}});
  ingester.start();
  ingester.wait_ready();
  {
    // Some of the spool is in the log and some is not when it is killed.
    const OpenTransaction odd_ones(stack_.postgres().superuser(),
                                   "SELECT FROM event_log_heads WHERE partition % 2 = 1 FOR UPDATE");
    publish(0, kMessages / 2);
    ASSERT_TRUE(has_received(ingester, kMessages / 2));
    ASSERT_TRUE(eventually([&] { return database_.value("SELECT count(*) > 0 FROM event_log") == "t"; }));
    ingester.kill();
  }
  ingester.start();
  publish(kMessages / 2, kMessages);
  ASSERT_TRUE(has_appended(kMessages));
  EXPECT_EQ(ingester.stop(), 0);
  expect_read_in_order(kMessages);
}

// While it runs, and while it does not, with nothing left in the spool.
TEST_F(ArrivalOrder, HoldsWhenTheClockIsPutBack) {
  bench::Service ingester = stack_.ingester();
  ingester.start();
  ingester.wait_ready();
  constexpr int kStep = 200;
  publish(0, kStep);
  ASSERT_TRUE(has_received(ingester, kStep));
  clock_.set_ahead(-std::chrono::hours(1));
  publish(kStep, 2 * kStep);
  ASSERT_TRUE(has_appended(2 * kStep));
  EXPECT_EQ(ingester.stop(), 0);
  clock_.set_ahead(-std::chrono::hours(2));
  ingester.start();
  ingester.wait_ready();
  publish(2 * kStep, 3 * kStep);
  ASSERT_TRUE(has_appended(3 * kStep));
  EXPECT_TRUE(eventually([&] {
    return database_.value(
               "SELECT count(*) FROM service_heartbeats WHERE state = 'degraded' AND problem LIKE '%ahead of this machine%'") ==
           "1";
  })) << "an operator is told";
  EXPECT_EQ(ingester.stop(), 0);
  expect_read_in_order(3 * kStep);
}

// Mosquitto gives each message of a shared subscription to the next ingester, whoever sent it. The clock of one is an hour
// ahead, so that each row tells who took it; what one of them took of a sender is in order. (Which brokers keep a sender at one
// ingester: docs/running.md.)
TEST_F(ArrivalOrder, HoldsForEachSenderAtEachIngesterOfSeveral) {
  const private_servers::Environment shared = {
      {"HERMES_SHARE_GROUP", "hermes"}, {"HERMES_WORKERS", "2"}, {"HERMES_BATCH", "20"}};
  clock_.set_ahead(std::chrono::hours(1));
  bench::Service ahead = stack_.ingester("ahead", shared);
  ahead.start();
  ahead.wait_ready();
  private_servers::Environment with_real_clock = shared;
  with_real_clock["LD_PRELOAD"] = "";
  bench::Service real = stack_.ingester("real", with_real_clock);
  real.start();
  real.wait_ready();

  constexpr int kEach = 500;
  const std::vector<std::string> senders = {"fredy", "clara", "anna"};
  for (const std::string& sender : senders) publish(0, kEach, sender);
  ASSERT_TRUE(has_appended(kEach * static_cast<int>(senders.size())));
  EXPECT_EQ(ahead.stop(), 0);
  EXPECT_EQ(real.stop(), 0);
  clock_.set_ahead(std::chrono::hours(0));
  project_everything(stack_, database_);
  for (const std::string& sender : senders) {
    for (const std::string taken : {"> now() + interval '30 minutes'", "< now() + interval '30 minutes'"}) {
      const std::vector<std::string> contents =
          database_.column("SELECT content FROM chat_messages WHERE sender_id = '" + sender + "' AND created_at " + taken +
                           " ORDER BY created_at, id");
      EXPECT_FALSE(contents.empty()) << sender << " " << taken;
      EXPECT_TRUE(std::ranges::is_sorted(contents, {}, [](const std::string& number) { return std::stoi(number); }))
          << sender << " " << taken << ": " << testing::PrintToString(contents);
    }
  }
  EXPECT_THAT(faults_of_log(database_), IsEmpty());
}

}  // namespace
}  // namespace hermes::test_support
