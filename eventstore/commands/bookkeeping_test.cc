// No message is blamed for Hermes's own bookkeeping (numbers, heads, positions), and its upkeep costs by the rows that it
// moves, not by the rows that exist.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eventstore/commands/command_handler.h"
#include "tests/support/database.h"
#include "tests/support/log_fixture.h"

namespace hermes::eventstore {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Bookkeeping : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  void SetUp() override {
    server->new_log(4);
    database = std::make_unique<Database>(server->settings());
    start_afresh();
  }

  // A handler that knows nothing of the log.
  void start_afresh() {
    handler.reset();
    connection = *postgres::connect(server->settings("hermes_ingester"));
    handler = std::make_unique<CommandHandler>(*connection, HandlerSettings{});
  }

  std::vector<std::string> handle(const std::vector<Incoming>& incoming) {
    auto handled = handler->handle(incoming);
    if (!handled) return {"error: " + handled.error().detail};
    return outcomes(*handled);
  }

  // As after a switch-over by logical replication, which copies rows and no sequences.
  void leave_sequences_behind() {
    database->execute("ALTER TABLE rejected_events ALTER COLUMN id RESTART; ALTER TABLE parked_events ALTER COLUMN id RESTART");
  }

  // Rows that the server has read of a table so far, however it found them.
  std::int64_t rows_read(const std::string& table) {
    // What a session has counted it hands in now and then, or when it is told to.
    pqxx::nontransaction(*connection).exec("SELECT pg_stat_force_next_flush()");
    database->execute("SELECT pg_stat_force_next_flush()");
    return std::stoll(
        database->value("SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) + (SELECT "
                        "coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE relname = '" +
                        table + "') FROM pg_stat_user_tables WHERE relname = '" + table + "'"));
  }

  std::unique_ptr<Database> database;
  postgres::ConnectionPtr connection;
  std::unique_ptr<CommandHandler> handler;
};

std::unique_ptr<LogServer> Bookkeeping::server;

TEST_F(Bookkeeping, ASequenceThatIsBehindIsMendedAndNoMessageIsBlamed) {
  handle({malformed("a"), malformed("b"), malformed("c"), incoming(receipt("m1", Status::read)),
          incoming(receipt("m2", Status::read))});
  leave_sequences_behind();
  EXPECT_THAT(handle({malformed("d"), incoming(message("m3")), incoming(receipt("m4", Status::read))}),
              ElementsAre("malformed_json", "appended", "parked"));
  EXPECT_EQ(database->value("SELECT string_agg(id || ' ' || reason, ', ' ORDER BY id) FROM rejected_events"),
            "1 malformed_json, 2 malformed_json, 3 malformed_json, 4 malformed_json");
}

TEST_F(Bookkeeping, ParkedReceiptsExpireThoughTheSequenceIsBehind) {
  handle({malformed("a"), incoming(receipt("m1", Status::read))});
  leave_sequences_behind();
  const auto expired = handler->expire_parked(std::chrono::seconds(0));
  ASSERT_TRUE(expired) << expired.error().detail;
  EXPECT_EQ(*expired, 1U);
  EXPECT_EQ(database->value("SELECT string_agg(reason, ', ' ORDER BY id) FROM rejected_events"),
            "malformed_json, parked_too_long");
}

TEST_F(Bookkeeping, ASequenceThatMayNotBeMendedHoldsUpTheBatchInsteadOfBlamingIt) {
  handle({malformed("a")});
  leave_sequences_behind();
  database->execute("REVOKE EXECUTE ON FUNCTION hermes_mend_sequences() FROM hermes_ingester");
  const auto handled = handler->handle(std::vector<Incoming>{malformed("b"), incoming(message("m1"))});
  ASSERT_FALSE(handled);
  EXPECT_EQ(handled.error().kind, HandleError::Kind::later);
  EXPECT_THAT(handled.error().detail, AllOf(HasSubstr("rejected_events_pkey"), HasSubstr("SELECT hermes_mend_sequences()")));
}

// A log that was restored from two moments: a head that is behind its partition.
TEST_F(Bookkeeping, AHeadThatIsBehindItsPartitionBlamesNoMessage) {
  handle({incoming(message("m1"))});
  database->execute("UPDATE event_log_heads SET next_offset = 0");
  const auto handled = handler->handle(std::vector<Incoming>{incoming(receipt("m1", Status::read))});
  ASSERT_FALSE(handled);
  EXPECT_EQ(handled.error().kind, HandleError::Kind::later);
  EXPECT_THAT(handled.error().detail, HasSubstr("bookkeeping"));
}

TEST_F(Bookkeeping, ExpiringParkedReceiptsReadsThemOnceAndNotOnceForEachThousand) {
  constexpr int kReceipts = 8'000;
  database->execute(
      "INSERT INTO parked_events (partition, stream_key, message_id, status, user_id, parked_at, received_at, topic, payload, "
      "sequence) "
      "SELECT 0, gen_random_uuid(), 'm' || i, 'read', 'david', now() - interval '2 hours' + i * interval '1 microsecond', "
      "now(), 't', "
      "'', i FROM generate_series(1, " +
      std::to_string(kReceipts) +
      ") AS i;"
      "UPDATE event_log_heads SET parked = " +
      std::to_string(kReceipts) + " WHERE partition = 0");
  database->execute("ANALYZE parked_events");
  const std::int64_t before = rows_read("parked_events");
  start_afresh();
  EXPECT_EQ(*handler->expire_parked(std::chrono::hours(1)), static_cast<std::size_t>(kReceipts));
  // Found once and moved once, each by an index entry and a row.
  EXPECT_LE(rows_read("parked_events") - before, 5 * kReceipts);
}

// A thousand of them are moved at a time, and more than that may have been parked in one microsecond: by a restored dump, or a
// batch.
TEST_F(Bookkeeping, AllReceiptsThatWereParkedAtTheSameTimeExpire) {
  constexpr int kReceipts = 2'001;
  database->execute(
      "INSERT INTO parked_events (partition, stream_key, message_id, status, user_id, parked_at, received_at, topic, payload, "
      "sequence) "
      "SELECT i % 2, gen_random_uuid(), 'm' || i, 'read', 'david', now() - interval '2 hours', now(), 't', '', i FROM "
      "generate_series(1, " +
      std::to_string(kReceipts) +
      ") AS i;"
      "UPDATE event_log_heads head SET parked = (SELECT count(*) FROM parked_events p WHERE p.partition = head.partition)");
  EXPECT_EQ(*handler->expire_parked(std::chrono::hours(1)), static_cast<std::size_t>(kReceipts));
  EXPECT_EQ(database->value("SELECT count(*) FROM rejected_events"), std::to_string(kReceipts));
  EXPECT_EQ(database->value("SELECT sum(parked) FROM event_log_heads"), "0");
}

TEST_F(Bookkeeping, OfATypingStreamTheLastEventAloneIsRead) {
  constexpr int kEvents = 5'000;
  handle({incoming(typing("fredy", "david", true)), incoming(typing("fredy", "david", false))});
  database->execute(
      "INSERT INTO event_log SELECT partition, \"offset\" + 2 * i, stream_key, stream_id, version + 2 * i, event_type, "
      "schema_version, "
      "actor_id, occurred_at, recorded_at, payload, hash FROM event_log, generate_series(1, " +
      std::to_string(kEvents) +
      ") AS i;"
      "UPDATE event_log_heads head SET next_offset = (SELECT max(\"offset\") + 1 FROM event_log) WHERE next_offset > 0");
  const std::int64_t before = rows_read("event_log");
  start_afresh();
  EXPECT_THAT(handle({incoming(typing("fredy", "david", false)), incoming(typing("fredy", "david", true))}),
              ElementsAre("duplicate", "appended"));
  EXPECT_LE(rows_read("event_log") - before, 20);
  EXPECT_EQ(database->value("SELECT max(version) FROM event_log"), std::to_string(2 * kEvents + 2));
}

}  // namespace
}  // namespace hermes::eventstore
