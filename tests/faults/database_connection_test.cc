// Proves that the log holds every batch once, wherever the connection to the database dies: at any byte that the client sends,
// before and during COMMIT, and at any byte of what the server answers. The witness is SQL on the log at the end: every message
// that was handed in is there once, offsets and versions are gapless, and the hash chain holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "eventstore/commands/command_handler.h"
#include "eventstore/log/appender.h"
#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/network/tcp_proxy.h"
#include "tests/support/persistent_handler.h"

namespace hermes::eventstore {
namespace {

using namespace test_support;
using domain::Status;
using testing::IsEmpty;

class DatabaseConnection : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new LogServer; }
  static void TearDownTestSuite() { delete server_; }

  void SetUp() override {
    server_->new_log();
    database_ = std::make_unique<Database>(server_->settings());
    proxy_ = std::make_unique<TcpProxy>(server_->postgres().port());
  }
  void TearDown() override { EXPECT_THAT(faults_of_log(*database_), IsEmpty()); }

  postgres::Settings through_the_proxy() const {
    postgres::Settings settings = server_->settings("hermes_ingester");
    settings.ports = {proxy_->port()};
    return settings;
  }

  // Ten messages, each with a receipt; one in ten of the batches also has a receipt that waits and something malformed.
  std::vector<Incoming> next_batch() {
    std::vector<Incoming> incoming_messages;
    for (int i = 0; i < 10; ++i, ++messages_) {
      const std::string id = "m" + std::to_string(10'000 + messages_);
      incoming_messages.push_back(incoming(message(id)));
      incoming_messages.push_back(incoming(receipt(id, Status::delivered)));
    }
    incoming_messages.push_back(incoming(receipt("never" + std::to_string(messages_), Status::read)));
    incoming_messages.push_back(malformed("malformed " + std::to_string(messages_)));
    ++batches_;
    return incoming_messages;
  }

  void expect_every_message_once() {
    EXPECT_EQ(database_->value("SELECT count(*) || ' ' || count(DISTINCT stream_id) FROM event_log"),
              std::to_string(3 * messages_) + " " + std::to_string(messages_));
    EXPECT_EQ(database_->value("SELECT count(*) FROM parked_events"), std::to_string(batches_));
    EXPECT_EQ(database_->value("SELECT count(*) FROM rejected_events"), std::to_string(batches_));
  }

  static LogServer* server_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<TcpProxy> proxy_;
  int messages_ = 0;
  int batches_ = 0;
};
LogServer* DatabaseConnection::server_ = nullptr;

TEST_F(DatabaseConnection, CutAtAnyByteThatTheClientSendsLosesAndDoublesNothing) {
  PersistentHandler handler(through_the_proxy());
  handler.handle(next_batch());  // the first does not yet look for receipts that wait
  const std::uint64_t before = proxy_->client_bytes();
  handler.handle(next_batch());
  const std::uint64_t bytes_of_a_batch = proxy_->client_bytes() - before;

  std::mt19937_64 random(20260131);
  for (int cut = 0; cut < 60; ++cut) {
    // One byte in three is one of the last: those carry the COMMIT.
    const std::uint64_t bytes = cut % 3 == 0 ? bytes_of_a_batch - random() % 60 : 1 + random() % bytes_of_a_batch;
    proxy_->cut_after_client_bytes(bytes);
    for (const Handled& handled : handler.handle(next_batch())) ASSERT_NE(handled.outcome, Handled::Outcome::duplicate);
    proxy_->let_through();
  }

  EXPECT_GT(handler.unavailable, 0);
  EXPECT_GT(handler.settled_as_committed + handler.settled_as_not_committed, 0);
  expect_every_message_once();
}

TEST_F(DatabaseConnection, CutAtAnyByteThatTheServerAnswersLosesAndDoublesNothing) {
  PersistentHandler handler(through_the_proxy());
  handler.handle(next_batch());  // the first does not yet look for receipts that wait
  const std::uint64_t before = proxy_->server_bytes();
  handler.handle(next_batch());
  const std::uint64_t bytes_of_a_batch = proxy_->server_bytes() - before;

  for (std::uint64_t cut = 0; cut < 60; ++cut) {
    // One cut in three is just before the end, where the server says that it has committed.
    proxy_->cut_after_server_bytes(cut % 3 == 0 ? bytes_of_a_batch - 10 - cut : 1 + cut * bytes_of_a_batch / 60);
    for (const Handled& handled : handler.handle(next_batch())) ASSERT_NE(handled.outcome, Handled::Outcome::duplicate);
    proxy_->let_through();
  }

  EXPECT_GT(handler.unavailable, 0);
  EXPECT_GT(handler.settled_as_committed, 0) << "the server's answer to COMMIT was among what was cut";
  expect_every_message_once();
}

// Batches of one length take the same number of bytes, so that a test can say which byte is the last.
class UnknownOutcome : public DatabaseConnection {
 protected:
  void SetUp() override {
    DatabaseConnection::SetUp();
    server_->new_log(1);
    database_ = std::make_unique<Database>(server_->settings());
    connection_ = connect();
    handler_ = std::make_unique<CommandHandler>(*connection_, HandlerSettings{});
    ASSERT_TRUE(handler_->handle(batch({message("m0"), receipt("r0", Status::read)})));
    const std::uint64_t before = proxy_->client_bytes();
    ASSERT_TRUE(handler_->handle(batch({message("m1"), receipt("r1", Status::read)})));
    bytes_of_a_batch_ = proxy_->client_bytes() - before;
  }
  postgres::ConnectionPtr connect() {
    auto connection = postgres::connect(through_the_proxy());
    EXPECT_TRUE(connection) << connection.error().message;
    return *std::move(connection);
  }
  std::optional<std::vector<Handled>> settle() {
    auto next = connect();
    auto settled = handler_->settle(*next);
    connection_ = std::move(next);
    EXPECT_TRUE(settled) << settled.error().detail;
    return settled ? *settled : std::nullopt;
  }

  postgres::ConnectionPtr connection_;
  std::unique_ptr<CommandHandler> handler_;
  std::uint64_t bytes_of_a_batch_ = 0;
};

// The bytes that let the server commit are sent, and get lost on the way: the client can't know, and asks.
TEST_F(UnknownOutcome, ThatWasNoCommitIsSettledAsSuch) {
  const std::vector<Incoming> second = batch({message("m2"), receipt("r2", Status::read)});
  proxy_->cut_after_client_bytes(bytes_of_a_batch_ - 1);
  auto unknown = handler_->handle(second);
  ASSERT_FALSE(unknown);
  ASSERT_EQ(unknown.error().kind, HandleError::Kind::outcome_unknown) << unknown.error().detail;

  EXPECT_EQ(settle(), std::nullopt);
  EXPECT_EQ(database_->value("SELECT count(*) FROM event_log"), "4");
  auto again = handler_->handle(second);
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(outcomes(*again), (std::vector<std::string>{"appended", "parked"}));
}

// The server commits, and its answer gets lost.
TEST_F(UnknownOutcome, ThatWasACommitIsSettledWithItsOutcomes) {
  const std::vector<Incoming> second = batch({message("m2"), receipt("r2", Status::read)});
  proxy_->cut_after_client_bytes(bytes_of_a_batch_);
  auto unknown = handler_->handle(second);
  ASSERT_FALSE(unknown);
  ASSERT_EQ(unknown.error().kind, HandleError::Kind::outcome_unknown) << unknown.error().detail;

  auto settled = settle();
  ASSERT_TRUE(settled);
  EXPECT_EQ(outcomes(*settled), (std::vector<std::string>{"appended", "parked"}));
  EXPECT_TRUE(settled->at(0).position);
  EXPECT_EQ(database_->value("SELECT count(*) FROM event_log"), "6");
  EXPECT_EQ(database_->value("SELECT count(*) FROM parked_events"), "3");
}

// Nothing of the batch went to the log: the status of the transaction is the only judge.
TEST_F(UnknownOutcome, OfABatchWithoutEventsIsSettledToo) {
  const auto rejected = [] { return std::vector<Incoming>{malformed("broken")}; };
  const std::uint64_t before = proxy_->client_bytes();
  ASSERT_TRUE(handler_->handle(rejected()));
  const std::uint64_t bytes = proxy_->client_bytes() - before;

  proxy_->cut_after_client_bytes(bytes);
  auto committed = handler_->handle(rejected());
  ASSERT_FALSE(committed);
  ASSERT_EQ(committed.error().kind, HandleError::Kind::outcome_unknown) << committed.error().detail;
  EXPECT_TRUE(settle());

  ASSERT_TRUE(handler_->handle(rejected()));  // the first batch of a connection also prepares its statements
  proxy_->cut_after_client_bytes(bytes - 1);
  auto lost = handler_->handle(rejected());
  ASSERT_FALSE(lost);
  ASSERT_EQ(lost.error().kind, HandleError::Kind::outcome_unknown) << lost.error().detail;
  EXPECT_FALSE(settle());
  EXPECT_EQ(database_->value("SELECT count(*) FROM rejected_events"), "3");
}

// The log ends before what the client saw committed, as after a fail-over to a server that lacked the last of it; meanwhile
// transaction ids were used again. The log, not the id, says what became of the batch.
TEST_F(UnknownOutcome, IsJudgedByTheLogItself) {
  const Evidence never_written{{0, 1}, Hash{}};
  const std::string some_committed_transaction = database_->value("SELECT xmin FROM event_log LIMIT 1");
  EXPECT_FALSE(was_committed(*connection_, some_committed_transaction, never_written));
  EXPECT_TRUE(was_committed(*connection_, some_committed_transaction, std::nullopt));
  EXPECT_FALSE(was_committed(*connection_, "999999999999", std::nullopt)) << "an id that this server has not given out";
}

// The server that answers next took over without the last of the log, and others have gone on there since.
TEST_F(UnknownOutcome, OnAServerThatTookOverLeavesNothingRemembered) {
  proxy_->cut_after_client_bytes(bytes_of_a_batch_);
  auto unknown = handler_->handle(batch({message("m2"), receipt("r2", Status::read)}));
  ASSERT_FALSE(unknown);
  ASSERT_EQ(unknown.error().kind, HandleError::Kind::outcome_unknown) << unknown.error().detail;

  server_->new_log(1);
  database_ = std::make_unique<Database>(server_->settings());
  const postgres::ConnectionPtr other_connection = connect();
  CommandHandler other(*other_connection, {});
  ASSERT_TRUE(other.handle(batch({message("m5"), message("m6"), message("m7"), message("m8")})));
  EXPECT_EQ(settle(), std::nullopt);
  auto again = handler_->handle(batch({message("m0"), message("m2"), message("m5")}));
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(outcomes(*again), (std::vector<std::string>{"appended", "appended", "duplicate"}));
}

// PostgreSQL is stopped at once, in the middle of batches, and comes back.
TEST_F(DatabaseConnection, StoppingPostgresAtAnyMomentLosesAndDoublesNothing) {
  PersistentHandler handler(server_->settings("hermes_ingester"));
  std::atomic<bool> done = false;
  std::thread appender([&] {
    while (!done || batches_ < 50) handler.handle(next_batch());
  });
  for (int stop = 0; stop < 5; ++stop) {
    const std::string before = Database(server_->settings()).value("SELECT count(*) FROM event_log");
    EXPECT_TRUE(eventually([&] { return Database(server_->settings()).value("SELECT count(*) FROM event_log") != before; }));
    if (stop % 2 == 0) {
      server_->postgres().restart(PrivatePostgres::Stop::immediate);
    } else {
      server_->postgres().kill();
      server_->postgres().start();
    }
  }
  done = true;
  appender.join();
  database_ = std::make_unique<Database>(server_->settings());
  EXPECT_GT(handler.unavailable + handler.settled_as_committed + handler.settled_as_not_committed, 0);
  expect_every_message_once();
}

}  // namespace
}  // namespace hermes::eventstore
