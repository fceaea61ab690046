// The log itself on a real database: the append protocol, what readers see, and what the hash chain finds.
#include "eventstore/log/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "eventstore/log/appender.h"
#include "eventstore/log/event_reader.h"
#include "eventstore/log/hash_chain.h"
#include "tests/support/appender.h"
#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"

namespace hermes::eventstore {
namespace {

using namespace test_support;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

StreamAppend started(const std::string& stream, std::optional<Version> expected_version = {}) {
  const auto user = *domain::UserId::parse("fredy");
  return {.stream_id = stream,
          .actor_id = "fredy",
          .occurred_at = {},
          .events = {domain::TypingStarted{user, "Fredy", user}},
          .expected_version = expected_version};
}

class EventLogTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new LogServer; }
  static void TearDownTestSuite() { delete server_; }

  void SetUp() override {
    server_->new_log(4);
    database_ = std::make_unique<Database>(server_->settings());
    connection_ = connect();
  }

  static postgres::ConnectionPtr connect(const std::string& role = "hermes_ingester") {
    auto connection = postgres::connect(server_->settings(role));
    EXPECT_TRUE(connection) << connection.error().message;
    return *std::move(connection);
  }

  std::vector<Position> append(const std::vector<StreamAppend>& appends) {
    Appender appender(*connection_);
    auto positions = appender.append(appends);
    EXPECT_TRUE(positions) << positions.error().failure.detail;
    return positions ? *positions : std::vector<Position>();
  }

  std::vector<std::string> breaks() {
    std::vector<std::string> found;
    pqxx::transaction<pqxx::repeatable_read> transaction(*connection_);
    for (Partition partition = 0; partition < 4; ++partition) {
      check_chain(*connection_, partition,
                  [&](const BrokenChain& broken) { found.push_back(to_string(broken.position) + " " + broken.problem); });
    }
    return found;
  }
  // As somebody who has all power over the database, and takes the guards away first.
  void tamper(const std::string& sql) {
    Database(superuser())
        .execute("ALTER TABLE event_log DISABLE TRIGGER ALL; " + sql + "; ALTER TABLE event_log ENABLE TRIGGER ALL");
  }
  static postgres::Settings superuser() {
    postgres::Settings settings = server_->postgres().superuser();
    settings.database = server_->settings().database;
    return settings;
  }

  static LogServer* server_;
  std::unique_ptr<Database> database_;
  postgres::ConnectionPtr connection_;
};
LogServer* EventLogTest::server_ = nullptr;

TEST_F(EventLogTest, NoStatementIsCompiledForWhatThePlannerThinksItCosts) {
  EXPECT_EQ(pqxx::nontransaction(*connection_).exec1("SHOW jit")[0].as<std::string>(), "off");
}

TEST_F(EventLogTest, OffsetsAndVersionsCountFromZero) {
  const auto positions = append({started("typing/a/b"), started("typing/a/b")});
  ASSERT_THAT(positions, SizeIs(2));
  EXPECT_EQ(positions[0].offset, 0);
  EXPECT_EQ(positions[1], (Position{positions[0].partition, 1}));
  EXPECT_THAT(database_->column("SELECT version FROM event_log ORDER BY \"offset\""), ElementsAre("0", "1"));
  EXPECT_THAT(faults_of_log(*database_), IsEmpty());
}

// A search goes through every version of a head that some old snapshot keeps, a place does not. The server counts its searches.
TEST_F(EventLogTest, AnAppenderFindsItsHeadsWithoutSearchingForThem) {
  const auto searches = [&] {
    return std::stoi(
        database_->value("SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables "
                         "WHERE relname = 'event_log_heads'"));
  };
  constexpr int kAppends = 200;
  connection_.reset();  // a session that ends tells what it has counted
  const int before = searches();
  {
    connection_ = connect();
    Appender appender(*connection_);
    for (int i = 0; i < kAppends; ++i) ASSERT_TRUE(appender.append(std::vector{started("typing/a/b")}));
    connection_.reset();
  }
  ASSERT_TRUE(eventually([&] { return searches() > before; }));
  EXPECT_LT(searches() - before, kAppends / 10);
}

// What an appender remembers of the heads is wrong as soon as another has moved them, or the table was written anew.
TEST_F(EventLogTest, AppendersFindHeadsThatOthersHaveMoved) {
  const auto other_connection = connect();
  Appender one(*connection_);
  Appender other(*other_connection);
  for (int i = 0; i < 100; ++i) {
    for (Appender* appender : {&one, &other, &other}) {
      ASSERT_TRUE(appender->append(std::vector{started("typing/a/b"), started("typing/c/d"), started("typing/e/f")}));
    }
    if (i % 10 == 0) {
      const auto superuser_connection = *postgres::connect(superuser());
      pqxx::nontransaction(*superuser_connection).exec("VACUUM FULL event_log_heads");
    }
  }
  EXPECT_THAT(breaks(), IsEmpty());
  EXPECT_EQ(database_->value("SELECT sum(next_offset) FROM event_log_heads"), "900");
}

TEST_F(EventLogTest, AnExpectedVersionThatIsNotTheStreamsIsAConflict) {
  append({started("typing/a/b", 0)});
  Appender appender(*connection_);
  auto conflict = appender.append(std::vector{started("typing/c/d"), started("typing/a/b", 0)});
  ASSERT_FALSE(conflict);
  ASSERT_TRUE(conflict.error().conflict);
  EXPECT_EQ(conflict.error().conflict->stream_id, "typing/a/b");
  EXPECT_EQ(conflict.error().conflict->expected, 0);
  EXPECT_EQ(conflict.error().conflict->actual, 1);
  EXPECT_EQ(database_->value("SELECT count(*) FROM event_log"), "1") << "all or nothing";
  EXPECT_FALSE(appender.append(std::vector{started("typing/a/b", 5)})) << "a version ahead of the stream";
  append({started("typing/a/b", 1)});
}

TEST_F(EventLogTest, ConcurrentAppendersWithAnExpectedVersionLoseNoUpdate) {
  constexpr int kAppenders = 4;
  constexpr int kAppends = 50;
  std::atomic<int> conflicts = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kAppenders; ++t) {
    threads.emplace_back([&] {
      postgres::ConnectionPtr connection = connect();
      Appender appender(*connection);
      Version expected = 0;
      for (int done = 0; done < kAppends;) {
        auto appended = appender.append(std::vector{started("typing/a/b", expected)});
        if (appended) {
          ++done;
          ++expected;
        } else {
          ASSERT_TRUE(appended.error().conflict) << appended.error().failure.detail;
          expected = static_cast<Version>(appended.error().conflict->actual);
          ++conflicts;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(database_->value("SELECT count(*) FROM event_log"), std::to_string(kAppenders * kAppends));
  EXPECT_THAT(faults_of_log(*database_), IsEmpty());
}

TEST_F(EventLogTest, ARolledBackAppendLeavesNoGap) {
  append({started("typing/a/b")});
  {
    AppendBuffers buffers;
    const std::vector<Partition> all{0, 1, 2, 3};
    AppendTransaction abandoned(*connection_, buffers, all);
    const StreamKey key = stream_key("typing/x/y");
    abandoned.add(partition_of(key, 4), {.key = key,
                                         .stream_id = "typing/x/y",
                                         .version = 0,
                                         .event_type = "TypingStarted",
                                         .schema_version = 1,
                                         .actor_id = "x",
                                         .occurred_at = {},
                                         .payload = ""});
    abandoned.execute("UPDATE event_log_heads SET next_offset = next_offset + 1");
  }
  append({started("typing/x/y"), started("typing/a/b")});
  EXPECT_EQ(database_->value("SELECT count(*) FROM event_log"), "3");
  EXPECT_THAT(faults_of_log(*database_), IsEmpty());
}

TEST_F(EventLogTest, AReaderThatSawAnOffsetHasSeenAllBeforeIt) {
  // Two appenders, and a reader that looks again and again: what it sees of a partition is always a beginning without a gap.
  std::atomic<bool> done = false;
  std::vector<std::thread> appenders;
  for (int t = 0; t < 2; ++t) {
    appenders.emplace_back([t] {
      postgres::ConnectionPtr connection = connect();
      Appender appender(*connection);
      for (int i = 0; i < 150; ++i) {
        std::vector<StreamAppend> appends;
        for (int s = 0; s < 8; ++s) appends.push_back(started("typing/" + std::to_string(t) + "/" + std::to_string(s)));
        ASSERT_TRUE(appender.append(appends));
      }
    });
  }
  std::thread joiner([&] {
    for (std::thread& appender : appenders) appender.join();
    done = true;
  });
  int looks = 0;
  for (bool last = false; !last; ++looks) {
    last = done;
    ASSERT_THAT(database_->column("SELECT partition FROM event_log GROUP BY partition HAVING count(*) <> max(\"offset\") + 1"),
                IsEmpty());
  }
  joiner.join();
  EXPECT_GT(looks, 1);
  EXPECT_THAT(faults_of_log(*database_), IsEmpty());
}

TEST_F(EventLogTest, TimeNeverGoesBackThoughTheClockDoes) {
  append({started("typing/a/b")});
  // The head says that the last event was recorded tomorrow, as after a clock that was put back by a day.
  Database(server_->settings()).execute("UPDATE event_log_heads SET last_recorded_at = now() + interval '1 day'");
  append({started("typing/a/b")});
  EXPECT_EQ(database_->value("SELECT bool_and(recorded_at >= now() + interval '23 hours') FROM event_log WHERE version = 1"),
            "t");
  EXPECT_THAT(faults_of_log(*database_), IsEmpty());
}

TEST_F(EventLogTest, IsReadByPartitionAndByStream) {
  append({started("typing/a/b"), started("typing/a/b"), started("typing/c/d")});
  const postgres::ConnectionPtr reader = connect("hermes_reader");
  pqxx::work transaction(*reader);
  const EventBatch stream = read_stream(*reader, "typing/a/b");
  ASSERT_THAT(stream.events, SizeIs(2));
  EXPECT_EQ(stream.events[1].version, 1);
  EXPECT_EQ(stream.events[1].actor_id, "fredy");
  EXPECT_FALSE(stream.events[1].occurred_at);
  EXPECT_TRUE(std::holds_alternative<domain::TypingStarted>(stream.events[1].event));

  const Position first = stream.events[0].position;
  EXPECT_EQ(read_partition(*reader, first.partition, first.offset, 1).events.at(0).position, first);
  EXPECT_THAT(read_partition(*reader, first.partition, 1'000, 10).events, IsEmpty());
  EXPECT_THAT(read_stream(*reader, "typing/nobody/else").events, IsEmpty());
  const std::vector<Offset> heads = read_heads(*reader);
  EXPECT_THAT(heads, SizeIs(4));
  EXPECT_EQ(heads[0] + heads[1] + heads[2] + heads[3], 3);

  std::vector<Position> scanned;
  for (Partition partition = 0; partition < 4; ++partition) {
    EXPECT_FALSE(scan_partition(*reader, partition, 0, heads[static_cast<std::size_t>(partition)],
                                [&](RecordedEvent&& event) { scanned.push_back(event.position); }));
  }
  EXPECT_THAT(scanned, SizeIs(3));
}

TEST_F(EventLogTest, AnEventThatCantBeReadEndsTheBatchAndIsNamed) {
  const auto positions = append({started("typing/a/b"), started("typing/a/b"), started("typing/a/b")});
  tamper("UPDATE event_log SET schema_version = 99 WHERE version = 1");
  const postgres::ConnectionPtr reader = connect("hermes_reader");
  pqxx::work transaction(*reader);
  const EventBatch batch = read_partition(*reader, positions[0].partition, 0, 10);
  EXPECT_THAT(batch.events, SizeIs(1));
  ASSERT_TRUE(batch.unreadable);
  EXPECT_EQ(batch.unreadable->position, positions[1]);
  EXPECT_EQ(batch.unreadable->error.kind, PayloadError::Kind::newer_schema);
  std::size_t scanned = 0;
  auto unreadable = scan_partition(*reader, positions[0].partition, 0, 3, [&](RecordedEvent&&) { ++scanned; });
  EXPECT_EQ(scanned, 1u);
  ASSERT_TRUE(unreadable);
  EXPECT_EQ(unreadable->position.offset, 1);
  EXPECT_EQ(transaction.exec1("SELECT 1")[0].as<int>(), 1) << "the transaction goes on";
}

class HashChainTest : public EventLogTest {
 protected:
  void SetUp() override {
    EventLogTest::SetUp();
    position_ = append({started("typing/a/b"), started("typing/a/b"), started("typing/a/b"), started("typing/a/b")})[0];
    ASSERT_THAT(breaks(), IsEmpty());
  }
  std::string at(Offset offset) const { return to_string({position_.partition, offset}); }
  Position position_;
};

TEST_F(HashChainTest, FindsAnAlteredEvent) {
  for (const char* change :
       {"actor_id = 'eve'", "occurred_at = now()", "payload = payload || '\\x00'",
        "recorded_at = recorded_at + interval '1 microsecond'", "received_at = now()", "stream_id = 'typing/a/c'"}) {
    server_->new_log(4);
    EventLogTest::SetUp();
    append({started("typing/a/b"), started("typing/a/b"), started("typing/a/b")});
    tamper(std::string("UPDATE event_log SET ") + change + " WHERE version = 2");
    EXPECT_THAT(breaks(), ElementsAre(at(2) + " the hash does not match the event and the hash before it")) << change;
    EXPECT_THAT(faults_of_log(*database_), Each(HasSubstr(at(2)))) << change;
  }
}

TEST_F(HashChainTest, FindsARemovedEvent) {
  tamper("DELETE FROM event_log WHERE version = 1");
  EXPECT_THAT(breaks(), ElementsAre(at(1) + " the event is missing"));
}

TEST_F(HashChainTest, FindsThatTheLastEventIsRemoved) {
  tamper("DELETE FROM event_log WHERE version = 3");
  EXPECT_THAT(breaks(), ElementsAre(at(3) + " the head says that the next offset is 4"));
}

TEST_F(HashChainTest, FindsThatALaterEventTookTheRemovedOnesPlace) {
  tamper(
      "DELETE FROM event_log WHERE version = 1; UPDATE event_log SET \"offset\" = \"offset\" - 1, version = version - 1 "
      "WHERE version > 1; UPDATE event_log_heads SET next_offset = 3 WHERE next_offset = 4");
  EXPECT_THAT(breaks(), testing::Contains(HasSubstr(at(1) + " the hash does not match")));
}

// Rows from before times of arrival were kept have none and keep their hashes. One time ends in four bytes of ones, as a null
// does.
TEST_F(HashChainTest, HoldsOverRowsWithAndWithoutATimeOfArrival) {
  StreamAppend with = started("typing/a/b");
  with.received_at = postgres::from_postgres_microseconds(0x0002'F000'FFFF'FFFF);
  append({with, started("typing/a/b")});
  with.received_at = Timestamp{std::chrono::seconds{1'800'000'000}};
  append({with});
  append({started("typing/a/b"), with});
  EXPECT_EQ(database_->value("SELECT count(received_at) FROM event_log"), "3");
  EXPECT_THAT(breaks(), IsEmpty());
  EXPECT_THAT(faults_of_log(*database_), IsEmpty()) << "the SQL of docs/event-log.md";
}

TEST_F(HashChainTest, FindsATimeOfArrivalThatWasTakenAway) {
  StreamAppend with = started("typing/a/b");
  with.received_at = Timestamp{std::chrono::seconds{1'800'000'000}};
  append({with});
  tamper("UPDATE event_log SET received_at = NULL WHERE version = 4");
  EXPECT_THAT(breaks(), ElementsAre(at(4) + " the hash does not match the event and the hash before it"));
}

TEST_F(HashChainTest, FindsAnInsertedEvent) {
  Database(server_->settings())
      .execute(
          "INSERT INTO event_log SELECT partition, 4, stream_key, stream_id, 4, event_type, schema_version, actor_id, "
          "occurred_at, recorded_at, payload, hash FROM event_log WHERE version = 3");
  EXPECT_THAT(breaks(), ElementsAre(at(4) + " the hash does not match the event and the hash before it",
                                    at(5) + " the head says that the next offset is 4"));
}

}  // namespace
}  // namespace hermes::eventstore
