// A worker by itself, on a real database: what it acknowledges, what it reports, and what becomes of a batch in which the
// database refuses something. The broker is played, to see every acknowledgement and that there is no other.
#include "adapters/ingest/append_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <mutex>

#include "tests/support/eventually.h"
#include "tests/support/network/played_broker.h"
#include "tests/support/read_models.h"

namespace hermes::ingest {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AppendWorkerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  void SetUp() override {
    server->new_log(1);
    database = std::make_unique<Database>(server->settings());
    settings.postgres = server->settings("hermes_ingester");
    settings.linger = std::chrono::milliseconds(500);  // what a test pushes is one batch
    client.emplace([&] {
      mqtt::Settings mqtt;
      mqtt.port = broker.port();
      mqtt.client_id = "worker";
      return mqtt;
    }());
    ASSERT_TRUE(client->connect());
    const auto send = [this](const std::string& topic, const std::string& payload) {
      return client->publish(topic, payload, 1) ? AckPublisher::Sent::taken : AckPublisher::Sent::full;
    };
    acks.emplace(send, metrics, "chat/messages", 100);
  }
  void TearDown() override {
    worker.reset();
    acks.reset();
    client.reset();
  }

  void start(bool expires_parked = false) {
    worker.emplace(settings, metrics, *acks,
                   AppendWorker::Hooks{.finished =
                                           [this](std::span<const spool::Sequence> sequences) {
                                             const std::lock_guard lock(mutex);
                                             finished.insert(finished.end(), sequences.begin(), sequences.end());
                                           },
                                       .fatal = [](const std::string& problem) { ADD_FAILURE() << problem; },
                                       .postponed =
                                           [this](const std::string& why) {
                                             const std::lock_guard lock(mutex);
                                             postponed.push_back(why);
                                           }},
                   expires_parked);
  }
  // As it came from the broker: what waits for its stream is decoded again.
  static eventstore::Incoming from_wire(domain::RecordReceipt receipt, const std::string& user) {
    eventstore::Incoming one = incoming(receipt);
    one.raw.payload =
        R"({"type":"status","message_id":")" + receipt.message_id.str() + R"(","status":"read","user_id":")" + user + "\"}";
    return one;
  }
  // Returns when all of them have been reported.
  void work(std::vector<eventstore::Incoming> batch) {
    const std::size_t all = now_finished().size() + batch.size();
    for (eventstore::Incoming& one : batch) {
      pushed.push_back(one.sequence);
      ASSERT_TRUE(worker->push(std::move(one)));
    }
    ASSERT_TRUE(eventually([&] { return now_finished().size() >= all; }));
  }
  // The ids that were acknowledged, in order. Acknowledgements keep their order, so that a last one comes behind all others.
  std::vector<std::string> acknowledgements() {
    work(batch({message("last")}));
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return !acknowledged.empty() && acknowledged.back() == "last";
    }));
    const std::lock_guard lock(mutex);
    return acknowledged;
  }
  std::vector<spool::Sequence> now_finished() {
    const std::lock_guard lock(mutex);
    return finished;
  }
  std::vector<std::string> told_of_postponed() {
    const std::lock_guard lock(mutex);
    return postponed;
  }
  std::vector<std::string> rejected() {
    return database->column("SELECT reason || ' ' || coalesce(message_id, '-') FROM rejected_events ORDER BY id");
  }

  std::mutex mutex;
  std::vector<std::string> acknowledged;
  PlayedBroker broker{[this](PlayedBroker::Peer& peer, int) {
    peer.expect(kConnect);
    peer.say(kConnackNewSession);
    for (;;) {
      const std::string body = peer.expect(kPublish).body;
      const std::lock_guard lock(mutex);
      acknowledged.emplace_back(boost::json::parse(body.substr(body.find('{'))).at("message_id").as_string());
    }
  }};
  std::vector<spool::Sequence> pushed;
  std::vector<spool::Sequence> finished;
  std::vector<std::string> postponed;
  std::unique_ptr<Database> database;
  Settings settings;
  prometheus::Registry registry;
  Metrics metrics{registry};
  std::optional<mqtt::Client> client;
  std::optional<AckPublisher> acks;
  std::optional<AppendWorker> worker;
};

std::unique_ptr<LogServer> AppendWorkerTest::server;

TEST_F(AppendWorkerTest, AcknowledgesMessagesThatAreInTheLogAndNothingElse) {
  LogWriter(server->settings()).append_as_is("message/newer", "MessageForgotten", 1, "");
  start();
  work(batch({message("m1"), message("m1"), message("m1", "fredy", "david", "other words"),
              receipt("m1", Status::read, "mallory"), receipt("m1", Status::read), receipt("early", Status::read),
              message("newer"), typing("fredy", "david", true)}));
  work({malformed("no JSON")});
  EXPECT_THAT(acknowledgements(), ElementsAre("m1", "m1", "last"));
  EXPECT_EQ(now_finished(), pushed) << "each once, and in order";
  EXPECT_THAT(rejected(), ElementsAre("conflicting_message m1", "not_a_recipient m1", "malformed_json -"));
}

TEST_F(AppendWorkerTest, CountsEachOutcome) {
  LogWriter(server->settings()).append_as_is("message/newer", "MessageForgotten", 1, "");
  start();
  work(batch({message("m1"), message("m2"), message("m1"), receipt("m1", Status::read, "mallory"),
              receipt("early", Status::read), message("newer")}));
  EXPECT_EQ(metrics.appended.Value(), 2);
  EXPECT_EQ(metrics.duplicate.Value(), 1);
  EXPECT_EQ(metrics.parked.Value(), 1);
  EXPECT_EQ(metrics.postponed.Value(), 1);
  EXPECT_EQ(metrics.rejected(domain::RejectionReason::not_a_recipient).Value(), 1);
  EXPECT_EQ(metrics.rejected(domain::RejectionReason::malformed_json).Value(), 0);
}

TEST_F(AppendWorkerTest, FindsTheOneMessageThatTheDatabaseRefusesAndAppendsTheOthersInOrder) {
  database->execute("ALTER TABLE event_log ADD CONSTRAINT no_poison CHECK (stream_id <> 'message/poison')");
  start();
  work(batch({message("m1"), receipt("m1", Status::delivered), message("poison"), receipt("m1", Status::read), message("m2")}));
  EXPECT_THAT(acknowledgements(), ElementsAre("m1", "m2", "last"));
  EXPECT_THAT(database->column("SELECT event_type FROM event_log WHERE stream_id = 'message/m1' ORDER BY version"),
              ElementsAre("MessageSent", "MessageReceived", "MessageDelivered", "MessageRead"));
  EXPECT_THAT(database->column("SELECT reason || ': ' || detail FROM rejected_events"),
              ElementsAre(AllOf(HasSubstr("refused_by_database: "), HasSubstr("no_poison"))));
  EXPECT_EQ(now_finished(), pushed);
}

// Of two that are refused each is found.
TEST_F(AppendWorkerTest, FindsAllMessagesThatTheDatabaseRefuses) {
  database->execute("ALTER TABLE event_log ADD CONSTRAINT no_poison CHECK (stream_id NOT LIKE 'message/poison%')");
  start();
  work(batch({message("poison-1"), message("m1"), message("poison-2")}));
  EXPECT_THAT(acknowledgements(), ElementsAre("m1", "last"));
  EXPECT_THAT(rejected(), ElementsAre("refused_by_database -", "refused_by_database -"));
}

TEST_F(AppendWorkerTest, RejectsReceiptsThatWaitedTooLongAndLeavesTheOthers) {
  settings.parking_window = std::chrono::seconds(3'600);
  start();
  work(batch({receipt("old", Status::read), receipt("new", Status::read)}));
  database->execute("UPDATE parked_events SET parked_at = now() - interval '61 minutes' WHERE message_id = 'old'");
  worker.reset();
  start(/*expires_parked=*/true);
  EXPECT_TRUE(eventually([&] { return metrics.parked_expired.Value() == 1; }));
  EXPECT_THAT(rejected(), ElementsAre("parked_too_long old"));
  EXPECT_THAT(database->column("SELECT message_id FROM parked_events"), ElementsAre("new"));
}

TEST_F(AppendWorkerTest, ThatIsNotTheOneToDoItLeavesParkedReceiptsAlone) {
  start();
  work(batch({receipt("old", Status::read)}));
  database->execute("UPDATE parked_events SET parked_at = now() - interval '2 hours'");
  worker.reset();
  start(/*expires_parked=*/false);
  work(batch({message("m1")}));
  EXPECT_THAT(rejected(), IsEmpty());
}

// The event that a newer version wrote is not there: as if this binary had become that version.
constexpr const char* kAsIfUpgraded =
    "ALTER TABLE event_log DISABLE TRIGGER event_log_immutable; DELETE FROM event_log WHERE event_type = 'MessageForgotten';"
    "UPDATE event_log_heads SET next_offset = 0; ALTER TABLE event_log ENABLE ALWAYS TRIGGER event_log_immutable";

TEST_F(AppendWorkerTest, StillTellsOfMessagesThatWaitAsLongAsTheyCannotBeTakenUp) {
  LogWriter(server->settings()).append_as_is("message/newer", "MessageForgotten", 1, "");
  start();
  work({from_wire(receipt("newer", Status::read), "david")});
  worker.reset();
  start(/*expires_parked=*/true);
  work(batch({message("m1")}));
  ASSERT_TRUE(eventually([&] { return told_of_postponed().size() >= 2; }));
  work(batch({message("m2")}));  // behind the look at what waits
  EXPECT_THAT(told_of_postponed(), testing::Each(HasSubstr("message/newer")));
  EXPECT_EQ(database->value("SELECT count(*) FROM postponed_events"), "1");
}

// All of them, in the order in which they came, though they are read a page at a time.
TEST_F(AppendWorkerTest, HandsInAgainAllThatWaitedForTheirStreamAndTellsWhenNoneDoesAnyMore) {
  constexpr int kMore = static_cast<int>(kPostponedPage) + 5;
  LogWriter(server->settings()).append_as_is("message/newer", "MessageForgotten", 1, "");
  start();
  std::vector<eventstore::Incoming> waiting;
  for (int i = 0; i < kMore; ++i) {
    const std::string user = "user-" + std::to_string(i);
    waiting.push_back(from_wire(receipt("newer", Status::read, user), user));
    waiting.back().raw.received_at = Timestamp(std::chrono::seconds(1));  // of several ingesters: may be the same
  }
  work(std::move(waiting));
  EXPECT_EQ(database->value("SELECT count(*) FROM postponed_events"), std::to_string(kMore));
  EXPECT_THAT(told_of_postponed(), Contains(HasSubstr("message/newer")));
  worker.reset();
  database->execute(kAsIfUpgraded);
  start(/*expires_parked=*/true);
  EXPECT_TRUE(eventually([&] { return database->value("SELECT count(*) FROM postponed_events") == "0"; }));
  EXPECT_TRUE(eventually([&] { return told_of_postponed().back().empty(); }));
  // Its message is not there: they wait for that now.
  EXPECT_EQ(database->value("SELECT count(*) FROM parked_events"), std::to_string(kMore));
}

}  // namespace
}  // namespace hermes::ingest
