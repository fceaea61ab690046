// hermes verify by its command line: a superuser with the triggers off changes the log or the tables in every way we could
// think of, and verify finds it.
#include <gmock/gmock.h>

#include <filesystem>

#include "eventstore/commands/snapshots.h"
#include "tests/support/appender.h"
#include "tests/support/eventually.h"
#include "tests/support/verify_fixture.h"

namespace hermes {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Verify : public VerifyFixture {
 protected:
  std::string position_of(const std::string& stream, int version) {
    return superuser_->value("SELECT partition || ':' || \"offset\" FROM event_log WHERE stream_id = '" + stream +
                             "' AND version = " + std::to_string(version));
  }
};

const std::string kRowOfM1 = " WHERE stream_id = 'message/m1' AND version = 0";

TEST_F(Verify, FindsNothingWhereAllIsWell) {
  EXPECT_THAT(findings(), IsEmpty());
  const Finished finished = verify();
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_THAT(finished.output, HasSubstr("All is well"));
}

TEST_F(Verify, FindsAChangedPayload) {
  superuser_->execute(
      "UPDATE event_log SET payload = convert_to(replace(convert_from(payload, 'UTF8'), 'text of', 'TEXT OF'), "
      "'UTF8')" +
      kRowOfM1);
  const auto found = findings();
  EXPECT_THAT(found, Contains(AllOf(HasSubstr("chain " + position_of("message/m1", 0)), HasSubstr("hash does not match"))));
  EXPECT_THAT(found, Contains(AllOf(HasSubstr("table chat_messages id="),
                                    HasSubstr("content is \"text of m1\", the log says \"TEXT OF m1\""))));
}

TEST_F(Verify, FindsEveryChangedColumn) {
  for (const char* change :
       {"actor_id = 'mallory'", "occurred_at = NULL", "recorded_at = recorded_at + interval '1 microsecond'",
        "received_at = received_at + interval '1 microsecond'", "received_at = NULL", "schema_version = 1",
        "event_type = 'MessageReceived'", "hash = sha256(hash)"}) {
    superuser_->execute("CREATE TABLE kept AS SELECT * FROM event_log" + kRowOfM1);
    superuser_->execute(std::string("UPDATE event_log SET ") + change + kRowOfM1);
    EXPECT_THAT(findings({"--only", "chain"}), Contains(HasSubstr("chain " + position_of("message/m1", 0)))) << change;
    superuser_->execute("DELETE FROM event_log" + kRowOfM1 + "; INSERT INTO event_log TABLE kept; DROP TABLE kept");
  }
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Verify, FindsARemovedRow) {
  const std::string position = position_of("message/m1", 2);
  superuser_->execute("DELETE FROM event_log WHERE stream_id = 'message/m1' AND version = 2");
  const auto found = findings();
  EXPECT_THAT(found, Contains("chain " + position + ": the event is missing"));
  EXPECT_THAT(found, Contains(AllOf(HasSubstr("stream message/m1"), HasSubstr("version 2 is missing"))));
  EXPECT_THAT(found, Contains(AllOf(HasSubstr("table message_status"), HasSubstr("the log knows no such row"))));
}

TEST_F(Verify, FindsAnInsertedRow) {
  superuser_->execute(
      "INSERT INTO event_log SELECT partition, (SELECT next_offset FROM event_log_heads h WHERE h.partition = "
      "e.partition), stream_key, stream_id, 4, 'MessageDelivered', schema_version, 'eve', NULL, now(), "
      "'\\x0a03657665', hash FROM event_log e WHERE stream_id = 'message/m1' AND version = 3");
  const auto found = findings();
  EXPECT_THAT(found, Contains(AllOf(HasSubstr("chain "), HasSubstr("hash does not match"))));
  EXPECT_THAT(found, Contains(AllOf(HasSubstr("chain "), HasSubstr("the head says"))));
  EXPECT_THAT(found, Contains(AllOf(HasSubstr("stream message/m1"), HasSubstr("not the recipient"))));
}

TEST_F(Verify, FindsASwappedPair) {
  superuser_->execute(
      "ALTER TABLE event_log DROP CONSTRAINT event_log_offset_check;"
      "CREATE TEMP TABLE pair AS SELECT \"offset\", partition, version FROM event_log WHERE stream_id = 'message/m1' AND "
      "version IN (2, 3);"
      "UPDATE event_log e SET \"offset\" = -1 FROM pair WHERE e.partition = pair.partition AND e.\"offset\" = pair.\"offset\" "
      "AND pair.version = 2;"
      "UPDATE event_log e SET \"offset\" = (SELECT \"offset\" FROM pair WHERE version = 2) FROM pair "
      "WHERE e.partition = pair.partition AND e.\"offset\" = pair.\"offset\" AND pair.version = 3;"
      "UPDATE event_log SET \"offset\" = (SELECT \"offset\" FROM pair WHERE version = 3) WHERE \"offset\" = -1");
  const auto found = findings();
  EXPECT_THAT(found, Contains(AllOf(HasSubstr("chain "), HasSubstr("hash does not match"))));
  EXPECT_THAT(found, Contains(AllOf(HasSubstr("stream message/m1"), HasSubstr("stands before the version before it"))));
}

TEST_F(Verify, FindsAStreamInAnotherPartitionThanItsOwn) {
  superuser_->execute(
      "INSERT INTO event_log SELECT 1 - partition, (SELECT next_offset FROM event_log_heads h WHERE h.partition = 1 - "
      "e.partition), "
      "stream_key, stream_id, version, event_type, schema_version, actor_id, occurred_at, recorded_at, payload, hash FROM "
      "event_log e" +
      kRowOfM1);
  EXPECT_THAT(findings({"--only", "streams"}),
              ElementsAre(AllOf(HasSubstr("stream message/m1"), HasSubstr("the stream belongs to another partition"))));
}

TEST_F(Verify, FindsAnEventUnderTheKeyOfAnotherStream) {
  superuser_->execute("UPDATE event_log SET stream_id = 'message/m2' WHERE stream_id = 'message/m1' AND version = 2");
  EXPECT_THAT(
      findings({"--only", "streams"}),
      ElementsAre(AllOf(HasSubstr("stream message/m1"), HasSubstr("stream_key is that of another stream, message/m2"))));
}

TEST_F(Verify, FindsATimeThatGoesBack) {
  superuser_->execute(
      "UPDATE event_log SET recorded_at = recorded_at - interval '1 hour' WHERE stream_id = 'message/m1' AND version = 2");
  EXPECT_THAT(findings({"--only", "chain"}),
              Contains("chain " + position_of("message/m1", 2) + ": recorded_at is earlier than the event before"));
}

TEST_F(Verify, FindsAHeadThatIsNotOfItsPartition) {
  superuser_->execute("UPDATE event_log_heads SET last_hash = sha256(last_hash) WHERE partition = 0");
  EXPECT_THAT(findings({"--only", "chain"}), ElementsAre(HasSubstr("the head's hash is not the last event's")));
  superuser_->execute("ALTER TABLE event_log_heads DISABLE TRIGGER ALL; DELETE FROM event_log_heads WHERE partition = 0");
  EXPECT_THAT(findings({"--only", "chain"}), ElementsAre(HasSubstr("the partition has no head")));
}

TEST_F(Verify, FindsAnEventThatTheMachineRefuses) {
  auto connection = *postgres::connect(server_->settings("hermes_ingester"));
  Appender appender(*connection);
  const auto david = domain::UserId::parse("david").value();
  const std::vector<StreamAppend> twice = {{"message/m1", "david", std::nullopt, {domain::MessageRead{david}}, std::nullopt}};
  ASSERT_TRUE(appender.append(twice));
  EXPECT_THAT(findings(), ElementsAre(AllOf(HasSubstr("stream message/m1"), HasSubstr("Read cannot follow"))));
}

TEST_F(Verify, FindsAWrongSnapshotAndIgnoresADamagedOne) {
  const auto key = eventstore::stream_key("message/m0");
  domain::Message other;
  other = domain::apply(std::move(other), domain::MessageSent{domain::UserId::parse("eve").value(), "Eve",
                                                              domain::UserId::parse("all").value(), "?", "text"})
              .value();
  superuser_->execute(eventstore::save_snapshot_statement(eventstore::partition_of(key, kPartitions), key, 3, other));
  EXPECT_THAT(findings(), ElementsAre(HasSubstr("snapshot message/m0: it is not the state")));
  superuser_->execute("UPDATE stream_snapshots SET snapshot = set_byte(snapshot, 0, 99)");
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Verify, FindsNothingWrongWithASnapshotOfManyReceipts) {
  auto connection = *postgres::connect(server_->settings("hermes_ingester"));
  eventstore::CommandHandler handler(*connection, {});
  std::vector<domain::Command> commands{message("many", "fredy", "all", "to many")};
  for (int i = 0; i < 1'500; ++i) commands.push_back(receipt("many", Status::delivered, "user-" + std::to_string(i)));
  ASSERT_TRUE(handler.handle(batch(std::move(commands))));
  ASSERT_TRUE(handler.handle(batch({receipt("many", Status::read, "user-1")})));  // with this batch at the latest it is taken
  ASSERT_NE(superuser_->value("SELECT count(*) FROM stream_snapshots"), "0");
  EXPECT_THAT(findings({"--only", "streams"}), IsEmpty());
}

TEST_F(Verify, FindsAMissingCheckpointWhateverTheTablesHold) {
  superuser_->execute(
      "DELETE FROM message_status WHERE id % 16 = 1; DELETE FROM projection_checkpoints WHERE projection = 'chat' AND "
      "partition = 1");
  EXPECT_THAT(findings({"--only", "log"}), ElementsAre(HasSubstr("checkpoint chat partition 1: there is none")));
  const std::string status = run({hermes_command(), "status"}, environment()).output;
  EXPECT_THAT(status, HasSubstr("chat has no checkpoint in 1 of 2 partitions"));
}

TEST_F(Verify, WorksWhereTheDatabaseIsClosedForWriting) {
  superuser_->execute("ALTER ROLE " + server_->settings().user + " SET default_transaction_read_only = on");
  const auto found = findings();
  superuser_->execute("ALTER ROLE " + server_->settings().user + " RESET default_transaction_read_only");
  EXPECT_THAT(found, IsEmpty());
}

// The last event of a partition is removed, and the head put back: the log and its chain look as if it had never been.
const char* const kRemoveTheEnd =
    "DELETE FROM event_log e USING event_log_heads h WHERE e.partition = 1 AND h.partition = 1 AND e.\"offset\" = "
    "h.next_offset - 1;"
    "UPDATE event_log_heads h SET next_offset = next_offset - 1, last_hash = e.hash FROM event_log e "
    "WHERE h.partition = 1 AND e.partition = 1 AND e.\"offset\" = h.next_offset - 2";

TEST_F(Verify, FindsARemovedEndByTheCheckpointsThatKnowIt) {
  const std::string last = superuser_->value("SELECT '1:' || next_offset - 1 FROM event_log_heads WHERE partition = 1");
  superuser_->execute(kRemoveTheEnd);
  EXPECT_THAT(findings({"--only", "chain"}), IsEmpty());
  for (const char* projection : {"chat", "inbox", "typing"}) {
    EXPECT_THAT(findings({"--only", "log"}),
                Contains(AllOf(HasSubstr("end " + last), HasSubstr(std::string(projection) + " knows it up to " + last))));
  }
}

TEST_F(Verify, ARemovedEndIsAProblemOfTheStatus) {
  superuser_->execute(kRemoveTheEnd);
  EXPECT_THAT(run({hermes_command(), "status"}, environment()).output,
              HasSubstr("projection chat is ahead of the log in partition 1"));
}

TEST_F(Verify, FindsARemovedEndByASnapshotOfMoreEvents) {
  const auto key = eventstore::stream_key("message/m0");
  superuser_->execute(
      eventstore::save_snapshot_statement(eventstore::partition_of(key, kPartitions), key, 99, domain::Message()));
  EXPECT_THAT(findings({"--only", "log"}), ElementsAre(AllOf(HasSubstr("end message/m0"), HasSubstr("a snapshot of 99"))));
}

TEST_F(Verify, FindsRowsOutsideThePartitions) {
  superuser_->execute(
      "INSERT INTO event_log SELECT 99, \"offset\", stream_key, stream_id, version, event_type, schema_version, actor_id, "
      "occurred_at, recorded_at, payload, hash FROM event_log" +
      kRowOfM1 +
      "; INSERT INTO event_log_heads (partition) VALUES (98); "
      "INSERT INTO projection_checkpoints (projection, partition) VALUES ('chat', 97)");
  EXPECT_THAT(
      findings({"--only", "log"}),
      ElementsAre("outside event_log partition 99: 1 row stands outside the partitions, which are 0 to 1",
                  HasSubstr("outside event_log_heads partition 98"), HasSubstr("outside projection_checkpoints partition 97")));
}

TEST_F(Verify, FindsAnEventThatWasSkippedThoughItCanBeFolded) {
  superuser_->execute(
      "INSERT INTO projection_skips (projection, partition, \"offset\", reason, skipped_by) SELECT 'chat', partition, "
      "\"offset\", "
      "'nobody needs it', 'eve' FROM event_log WHERE stream_id = 'message/m1';"
      "DELETE FROM message_status WHERE message_id = 'm1'; DELETE FROM chat_messages WHERE message_id = 'm1'");
  EXPECT_THAT(findings({"--only", "tables"}),
              Contains(AllOf(HasSubstr("skip chat " + position_of("message/m1", 0)), HasSubstr("it can be folded"))));
}

TEST_F(Verify, NamesEverySkipAndWhoMadeItWhenAndWhy) {
  const std::string position = position_of("message/m1", 3);
  superuser_->execute("UPDATE event_log SET schema_version = 99 WHERE stream_id = 'message/m1' AND version = 3");
  superuser_->execute(
      "INSERT INTO projection_skips SELECT 'chat', partition, \"offset\", 'of a newer Hermes', 'anna', '2026-05-01 12:00Z' "
      "FROM "
      "event_log WHERE stream_id = 'message/m1' AND version = 3;"
      "DELETE FROM message_status WHERE message_id = 'm1' AND status = 'read'");
  EXPECT_THAT(findings({"--only", "tables"}), Not(Contains(HasSubstr("chat"))));
  const Finished shown = verify({"--only", "tables"});
  EXPECT_THAT(shown.output, HasSubstr("note skip chat: 1 event is left out"));
  EXPECT_THAT(shown.output,
              HasSubstr("note skip chat " + position + ": left out by anna at 2026-05-01T12:00:00Z: of a newer Hermes"));
  EXPECT_THAT(verify({"--only", "tables", "--json"}).output, HasSubstr("\"notes\":[{\"check\":\"skip\""));
}

// Each guard taken away is one finding, and put back none.
TEST_F(Verify, FindsEveryGuardOfTheLogThatIsAway) {
  superuser_->execute(kGuardOn);
  const auto found = [&] {
    const Finished finished = run({hermes_command(), "verify", "--only", "log"}, environment());
    EXPECT_NE(finished.exit_code, 2) << finished.errors;
    return finished.output;
  };
  ASSERT_THAT(found(), HasSubstr("All is well"));
  const std::string function = superuser_->value("SELECT pg_get_functiondef('event_log_refuse'::regproc)");
  struct Away {
    std::string change, finding, undo;
  };
  const std::vector<Away> all = {
      {"ALTER TABLE event_log DISABLE TRIGGER ALL", "event_log_immutable of event_log is off", kGuardOn},
      {"ALTER TABLE event_log ENABLE TRIGGER event_log_immutable", "does not fire always", kGuardOn},
      {"ALTER TABLE event_log_heads DISABLE TRIGGER ALL", "event_log_heads_stay of event_log_heads is off",
       "ALTER TABLE event_log_heads ENABLE ALWAYS TRIGGER event_log_heads_stay"},
      {"ALTER TRIGGER event_log_immutable ON event_log RENAME TO other", "event_log_immutable of event_log is missing",
       "ALTER TRIGGER other ON event_log RENAME TO event_log_immutable"},
      {"CREATE OR REPLACE FUNCTION event_log_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
       "calls a function that is not the one", function},
      {"ALTER TABLE event_log DROP CONSTRAINT event_log_stream_version", "UNIQUE (partition, stream_key, version)",
       "ALTER TABLE event_log ADD CONSTRAINT event_log_stream_version UNIQUE (partition, stream_key, version)"},
      {"ALTER TABLE event_log DROP CONSTRAINT event_log_pkey", "PRIMARY KEY (partition, \"offset\")",
       "ALTER TABLE event_log ADD CONSTRAINT event_log_pkey PRIMARY KEY (partition, \"offset\")"},
      {"ALTER TABLE event_log DROP CONSTRAINT event_log_hash_check", "CHECK ((length(hash) = 32))",
       "ALTER TABLE event_log ADD CONSTRAINT event_log_hash_check CHECK (length(hash) = 32)"},
      {"GRANT UPDATE (hash) ON event_log TO hermes_ingester", "the role hermes_ingester has UPDATE on event_log",
       "REVOKE UPDATE (hash) ON event_log FROM hermes_ingester"},
      {"CREATE ROLE outsider; GRANT DELETE ON event_log TO outsider", "the role outsider has DELETE on event_log",
       "REVOKE ALL ON event_log FROM outsider; DROP ROLE outsider"},
      {"GRANT INSERT ON event_log TO PUBLIC", "everybody (PUBLIC) has INSERT on event_log",
       "REVOKE INSERT ON event_log FROM PUBLIC"},
      {"GRANT UPDATE ON event_log_heads TO hermes_reader", "the role hermes_reader has UPDATE on event_log_heads",
       "REVOKE UPDATE ON event_log_heads FROM hermes_reader"},
      {"ALTER TABLE event_log ALTER payload DROP NOT NULL", "the column event_log.payload may be null",
       "ALTER TABLE event_log ALTER payload SET NOT NULL"},
      {"ALTER TABLE event_log ALTER received_at SET DEFAULT now()", "the column event_log.received_at has a default",
       "ALTER TABLE event_log ALTER received_at DROP DEFAULT"},
      {"CREATE TABLE heir () INHERITS (event_log)", "a table inherits event_log", "DROP TABLE heir"},
      {"ALTER TABLE event_log_settings SET UNLOGGED", "event_log_settings is not logged",
       "ALTER TABLE event_log_settings SET LOGGED"},
      {"CREATE RULE nothing AS ON DELETE TO event_log DO INSTEAD NOTHING", "a rewrite rule changes",
       "DROP RULE nothing ON event_log"},
      {"ALTER TABLE event_log ENABLE ROW LEVEL SECURITY", "row security is on for event_log",
       "ALTER TABLE event_log DISABLE ROW LEVEL SECURITY"},
  };
  for (const Away& away : all) {
    superuser_->execute(away.change);
    EXPECT_THAT(found(), HasSubstr(away.finding)) << away.change;
    superuser_->execute(away.undo);
  }
  EXPECT_THAT(found(), HasSubstr("All is well"));
}

TEST_F(Verify, AGuardThatIsOffIsAProblemOfStatusAndDoctor) {
  for (const char* command : {"status", "doctor"}) {
    EXPECT_THAT(run({hermes_command(), command}, environment()).output, HasSubstr("event_log_immutable of event_log is off"));
  }
}

TEST_F(Verify, AnAnchorProvesThatNothingBeforeItChanged) {
  const std::string file = (folder_ / "heads.json").string();
  EXPECT_THAT(verify({"--anchor", file}).output, HasSubstr(file + " written"));
  EXPECT_THAT(verify({"--anchor", file}).output, HasSubstr("nothing before it has changed"));
  std::filesystem::create_symlink("heads.json", folder_ / "elsewhere");
  EXPECT_EQ(verify({"--anchor", (folder_ / "elsewhere").string()}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "elsewhere"));
  EXPECT_THAT(verify({"--anchor", folder_.path().string()}).errors, HasSubstr("is a folder"));
  // The heads come from the chain alone, so that much is enough, and less is not.
  const Finished chain_alone = verify({"--only", "chain", "--anchor", file});
  EXPECT_THAT(chain_alone.output, AllOf(HasSubstr("nothing before it has changed"), HasSubstr(file + " written")));
  EXPECT_THAT(verify({"--anchor", file, "--only", "tables"}).errors, HasSubstr("--only chain"));
  EXPECT_THAT(verify({"--anchor", file}).output, HasSubstr("nothing before it has changed"));

  const std::string last = superuser_->value(
      "SELECT partition || ':' || \"offset\" FROM event_log WHERE partition = 1 ORDER BY \"offset\" DESC LIMIT 1");
  superuser_->execute(kRemoveTheEnd);
  EXPECT_THAT(findings({"--only", "chain"}), IsEmpty());
  EXPECT_THAT(findings({"--anchor", file}), Contains("anchor " + last + ": the anchor knows this event, and it is gone"));
  EXPECT_THAT(findings({"--anchor", file}), Contains("anchor " + last + ": the anchor knows this event, and it is gone"))
      << "a log with findings leaves the anchor as it was";
}

TEST_F(Verify, AnAnchorTellsAChainThatWasMadeAnew) {
  const std::string file = (folder_ / "heads.json").string();
  ASSERT_EQ(verify({"--anchor", file}).exit_code, 0);
  superuser_->execute("UPDATE event_log SET actor_id = 'mallory'" + kRowOfM1);
  superuser_->execute(R"(
      DO $$
      DECLARE e event_log; previous bytea; p int;
      BEGIN
        FOR p IN SELECT partition FROM event_log_heads LOOP
          previous := decode(repeat('00', 32), 'hex');
          FOR e IN SELECT * FROM event_log WHERE partition = p ORDER BY "offset" LOOP
            previous := sha256(previous
              || int4send(2) || int2send(e.partition) || int4send(8) || int8send(e."offset") || int4send(16) || uuid_send(e.stream_key)
              || int4send(octet_length(e.stream_id)) || textsend(e.stream_id) || int4send(4) || int4send(e.version)
              || int4send(octet_length(e.event_type)) || textsend(e.event_type) || int4send(2) || int2send(e.schema_version)
              || int4send(octet_length(e.actor_id)) || textsend(e.actor_id)
              || CASE WHEN e.occurred_at IS NULL THEN int4send(-1) ELSE int4send(8) || timestamptz_send(e.occurred_at) END
              || int4send(8) || timestamptz_send(e.recorded_at) || int4send(octet_length(e.payload)) || e.payload
              || CASE WHEN e.received_at IS NULL THEN '' ELSE int4send(8) || timestamptz_send(e.received_at) END);
            UPDATE event_log SET hash = previous WHERE partition = e.partition AND "offset" = e."offset";
          END LOOP;
          UPDATE event_log_heads SET last_hash = previous WHERE partition = p;
        END LOOP;
      END $$)");
  EXPECT_THAT(findings(), IsEmpty());
  EXPECT_THAT(findings({"--anchor", file}), ElementsAre(AllOf(HasSubstr("anchor "), HasSubstr("the chain made anew"))));
}

}  // namespace
}  // namespace hermes
