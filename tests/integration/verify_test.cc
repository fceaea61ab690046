// hermes verify by its command line: a superuser with the triggers off changes the log or the tables in every way we could
// think of, and verify finds it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <map>

#include "eventstore/appender.h"
#include "eventstore/event_reader.h"
#include "eventstore/snapshots.h"
#include "projections/projection.h"
#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/read_models.h"

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

constexpr int kPartitions = 2;

class Verify : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new LogServer; }
  static void TearDownTestSuite() { delete server_; }

  void SetUp() override {
    server_->new_log(kPartitions);
    auto connection = *postgres::connect(server_->settings("hermes_ingester"));
    eventstore::CommandHandler handler(*connection, {});
    std::vector<domain::Command> commands;
    for (int i = 0; i < 20; ++i) {
      const std::string id = "m" + std::to_string(i);
      commands.insert(commands.end(), {message(id, "fredy", i % 5 == 0 ? "all" : "david", "text of " + id),
                                       receipt(id, Status::delivered), receipt(id, Status::read)});
    }
    commands.push_back(typing("fredy", "david", true));
    ASSERT_TRUE(handler.handle(batch(std::move(commands))));
    fold();
    superuser_ = std::make_unique<Database>(superuser_settings());
    superuser_->execute("ALTER TABLE event_log DISABLE TRIGGER ALL");
  }

  // The projector's work.
  static void fold() {
    auto connection = *postgres::connect(server_->settings());
    pqxx::work work(*connection);
    for (std::int16_t partition = 0; partition < kPartitions; ++partition) {
      const auto events = eventstore::read_partition(*connection, partition, 0, 10'000).events;
      for (const auto* projection : projections::all_projections()) {
        auto wanted = events;
        std::erase_if(wanted, [&](const auto& recorded) {
          const auto types = projection->event_types();
          return std::find(types.begin(), types.end(), domain::event_type(recorded.event)) == types.end();
        });
        projection->apply(wanted, {*connection, work, kPartitions});
        work.exec("INSERT INTO projection_checkpoints (projection, partition, next_offset) VALUES (" +
                  work.quote(std::string(projection->name())) + ", " + std::to_string(partition) + ", " +
                  std::to_string(events.size()) +
                  ") ON CONFLICT (projection, partition) DO UPDATE SET next_offset = " + std::to_string(events.size()));
      }
    }
    work.commit();
  }

  static Environment environment() {
    const auto settings = server_->settings();
    return {{"POSTGRES_HOST", settings.host},
            {"POSTGRES_PORT", std::to_string(settings.ports.front())},
            {"POSTGRES_DB", settings.database},
            {"POSTGRES_USER", settings.user},
            {"POSTGRES_PASSWORD", settings.password},
            {"HOME", "/nonexistent"}};
  }

  static Finished verify(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {hermes_command(), "verify"});
    return run(arguments, environment());
  }

  // A run that dies when the tables are verified and the log is not: it is kept from the streams by a lock, so that it can't be
  // faster than the kill.
  void verify_until_killed(const std::string& file) {
    const OpenTransaction somebody(superuser_settings(), "LOCK TABLE stream_snapshots IN ACCESS EXCLUSIVE MODE");
    Process verify = Process::start({hermes_command(), "verify", "--resume", file}, {.environment = environment()});
    ASSERT_TRUE(eventually([&] { return rows_of_checks(text_of(file), "reports").size() == projections::all_projections().size(); }))
        << text_of(file);
    ASSERT_TRUE(verify.running());
    verify.kill(SIGKILL);
    ASSERT_EQ(verify.wait(), 128 + SIGKILL);
  }

  // Events read by each check, from a list of reports in JSON; nothing where there is no JSON.
  static std::map<std::string, std::int64_t> rows_of_checks(const std::string& text, const char* list) {
    std::map<std::string, std::int64_t> rows;
    boost::system::error_code no_json;
    const auto value = boost::json::parse(text, no_json);
    if (no_json) return rows;
    for (const auto& report : value.at(list).as_array())
      rows[std::string(report.at("check").as_string())] = report.at("rows").to_number<std::int64_t>();
    return rows;
  }

  static std::string text_of(const std::string& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  void append_another_message() {
    auto connection = *postgres::connect(server_->settings("hermes_ingester"));
    eventstore::CommandHandler handler(*connection, {});
    ASSERT_TRUE(handler.handle(batch({message("later")})));
  }

  static postgres::Settings superuser_settings() {
    auto settings = server_->postgres().superuser();
    settings.database = server_->settings().database;
    return settings;
  }

  // "check where: problem" of each finding. Expects the exit code that goes with them.
  static std::vector<std::string> findings(std::vector<std::string> arguments = {}) {
    arguments.push_back("--json");
    const Finished finished = verify(std::move(arguments));
    std::vector<std::string> found;
    const auto output = boost::json::parse(finished.output).as_object();
    for (const auto& value : output.at("findings").as_array()) {
      const auto& finding = value.as_object();
      found.push_back(std::string(finding.at("check").as_string()) + " " + std::string(finding.at("where").as_string()) + ": " +
                      std::string(finding.at("problem").as_string()));
    }
    EXPECT_EQ(finished.exit_code, found.empty() ? 0 : 1) << finished.errors;
    EXPECT_EQ(output.at("ok").as_bool(), found.empty());
    return found;
  }

  std::string position_of(const std::string& stream, int version) {
    return superuser_->value("SELECT partition || ':' || \"offset\" FROM event_log WHERE stream_id = '" + stream +
                             "' AND version = " + std::to_string(version));
  }

  static LogServer* server_;
  std::unique_ptr<Database> superuser_;
  TemporaryFolder folder_;
};
LogServer* Verify::server_ = nullptr;

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
        "schema_version = 1", "event_type = 'MessageReceived'", "hash = sha256(hash)"}) {
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

TEST_F(Verify, FindsAnEventThatTheMachineRefuses) {
  auto connection = *postgres::connect(server_->settings("hermes_ingester"));
  eventstore::Appender appender(*connection);
  const auto david = domain::UserId::parse("david").value();
  const std::vector<eventstore::StreamAppend> twice = {
      {"message/m1", "david", std::nullopt, {domain::MessageRead{david}}, std::nullopt}};
  ASSERT_TRUE(appender.append(twice));
  EXPECT_THAT(findings(), ElementsAre(AllOf(HasSubstr("stream message/m1"), HasSubstr("Read cannot follow"))));
}

TEST_F(Verify, FindsAChangedRowOfAReadModel) {
  superuser_->execute("UPDATE message_status SET status = 'read' WHERE message_id = 'm1' AND status = 'delivered'");
  superuser_->execute("UPDATE inbox SET unread_count = 7 WHERE user_id = 'david' AND peer_id = 'fredy'");
  superuser_->execute("DELETE FROM typing_indicators");
  superuser_->execute("INSERT INTO message_status VALUES (-1, 'm1', 'read', now(), 'eve')");
  const auto found = findings();
  EXPECT_THAT(found,
              testing::UnorderedElementsAre(
                  AllOf(HasSubstr("table message_status id="), HasSubstr("status is \"read\", the log says \"delivered\"")),
                  HasSubstr("table message_status id=-1: the log knows no such row"),
                  AllOf(HasSubstr("table inbox user_id=david peer_id=fredy"), HasSubstr("unread_count is 7, the log says 0")),
                  HasSubstr("table typing_indicators sender_id=fredy receiver_id=david: the row is missing")));
  EXPECT_THAT(verify().output, HasSubstr("4 findings"));
}

TEST_F(Verify, ComparesTablesUpToTheirCheckpoints) {
  auto connection = *postgres::connect(server_->settings("hermes_ingester"));
  eventstore::CommandHandler handler(*connection, {});
  ASSERT_TRUE(handler.handle(batch({message("later"), receipt("m1", Status::delivered, "zoe")})));
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(Verify, ComparesATableThatARebuildSwapsMeanwhile) {
  Database database(server_->settings());
  OpenTransaction swap(server_->settings(), kSwapOfInbox);
  Process verifying = Process::start({hermes_command(), "verify", "--only", "tables"},
                                     {.environment = environment(), .output = folder_ / "verify.log"});
  ASSERT_TRUE(eventually([&] { return somebody_waits_for_a_lock(database); })) << verifying.output();
  swap.commit();
  EXPECT_EQ(verifying.wait(), 0) << verifying.output();
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

TEST_F(Verify, AnAnchorProvesThatNothingBeforeItChanged) {
  const std::string file = (folder_ / "heads.json").string();
  EXPECT_THAT(verify({"--anchor", file}).output, HasSubstr(file + " written"));
  EXPECT_THAT(verify({"--anchor", file}).output, HasSubstr("nothing before it has changed"));
  std::filesystem::create_symlink("heads.json", folder_ / "elsewhere");
  EXPECT_EQ(verify({"--anchor", (folder_ / "elsewhere").string()}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "elsewhere"));
  EXPECT_THAT(verify({"--anchor", folder_.path().string()}).errors, HasSubstr("is a folder"));

  // The last event is removed, and the head put back: the log and its chain look as if it had never been.
  const std::string last = superuser_->value(
      "SELECT partition || ':' || \"offset\" FROM event_log WHERE partition = 1 ORDER BY \"offset\" DESC LIMIT 1");
  superuser_->execute(
      "DELETE FROM event_log e USING event_log_heads h WHERE e.partition = 1 AND h.partition = 1 AND e.\"offset\" = "
      "h.next_offset - 1;"
      "UPDATE event_log_heads h SET next_offset = next_offset - 1, last_hash = e.hash FROM event_log e "
      "WHERE h.partition = 1 AND e.partition = 1 AND e.\"offset\" = h.next_offset - 2");
  EXPECT_THAT(findings({"--only", "chain"}), IsEmpty());
  EXPECT_THAT(findings({"--anchor", file}), Contains("anchor " + last + ": the anchor knows this event, and it is gone"));
  EXPECT_THAT(findings({"--anchor", file}), Not(IsEmpty()));  // a log with findings leaves the anchor as it was
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
              || int4send(8) || timestamptz_send(e.recorded_at) || int4send(octet_length(e.payload)) || e.payload);
            UPDATE event_log SET hash = previous WHERE partition = e.partition AND "offset" = e."offset";
          END LOOP;
          UPDATE event_log_heads SET last_hash = previous WHERE partition = p;
        END LOOP;
      END $$)");
  EXPECT_THAT(findings(), IsEmpty());
  EXPECT_THAT(findings({"--anchor", file}), ElementsAre(AllOf(HasSubstr("anchor "), HasSubstr("the chain made anew"))));
}

TEST_F(Verify, GoesOnWhereAnInterruptedRunStopped) {
  const std::string file = (folder_ / "verify.json").string();
  const std::string log = superuser_->value("SELECT extract(epoch FROM created_at)::text FROM event_log_settings");
  const auto write = [&](const std::string& of_log) {
    std::ofstream(file)
        << R"({"format":1,"log":")" << of_log << R"(","reports":[{"check":"streams 0","rows":12345,)"
        << R"("findings_total":1,"findings":[{"check":"stream","where":"message/x","problem":"found before"}]}]})";
  };
  write(log);
  EXPECT_THAT(findings({"--resume", file}), ElementsAre("stream message/x: found before"));
  EXPECT_FALSE(std::filesystem::exists(file));  // done: the next run begins anew
  EXPECT_THAT(findings({"--resume", file}), IsEmpty());

  write("another");
  const Finished other = verify({"--resume", file});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.errors, HasSubstr("record of another log"));
}

// Between the two runs the table is mended and another damaged, and the log grows: who read the tables again would tell
// something else.
TEST_F(Verify, GoesOnAfterAKillWithWhatItHadFoundAndReadsNothingAgain) {
  const std::string file = (folder_ / "verify.json").string();
  superuser_->execute("UPDATE inbox SET unread_count = 7 WHERE user_id = 'david' AND peer_id = 'fredy'");
  verify_until_killed(file);
  const auto before = rows_of_checks(text_of(file), "reports");
  superuser_->execute("UPDATE inbox SET unread_count = 0 WHERE user_id = 'david' AND peer_id = 'fredy'");
  superuser_->execute("DELETE FROM typing_indicators");
  append_another_message();

  const Finished resumed = verify({"--resume", file, "--json"});
  EXPECT_EQ(resumed.exit_code, 1) << resumed.errors;
  const auto output = boost::json::parse(resumed.output);
  EXPECT_EQ(output.at("findings_total"), 1) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("unread_count is 7, the log says 0"));
  std::int64_t read = 2 * std::stoll(superuser_->value("SELECT count(*) FROM event_log"));  // streams and chains, as they are now
  for (const auto& [check, rows] : before) read += rows;
  EXPECT_EQ(output.at("events_read"), read);

  EXPECT_THAT(findings({"--resume", file}), ElementsAre(HasSubstr("table typing_indicators")));  // the next run begins anew
}

TEST_F(Verify, GoesOnAfterAKillAndFindsNothingWhereAllIsWell) {
  const std::string file = (folder_ / "verify.json").string();
  verify_until_killed(file);
  append_another_message();
  std::ofstream(file + ".unfinished") << R"({"format":1,"lo)";  // of a kill while the record was written
  EXPECT_THAT(findings({"--resume", file}), IsEmpty());
  EXPECT_THAT(verify({"--resume", file}).output, HasSubstr("All is well"));
}

TEST_F(Verify, RefusesATornRecordInsteadOfTakingWhatIsLeftOfIt) {
  const std::string file = (folder_ / "verify.json").string();
  verify_until_killed(file);
  const std::string whole = text_of(file);
  for (const std::size_t size : {std::size_t{0}, whole.size() / 2, whole.size() - 3}) {
    std::filesystem::resize_file(file, size);
    const Finished torn = verify({"--resume", file});
    EXPECT_EQ(torn.exit_code, 2) << size;
    EXPECT_THAT(torn.errors, AllOf(HasSubstr(file), HasSubstr("is not the record of a verification"))) << size;
    std::ofstream(file) << whole;
  }
  EXPECT_THAT(findings({"--resume", file}), IsEmpty());
}

TEST_F(Verify, KeepsItsRecordWhenTheAnchorCannotBeWritten) {
  const std::string file = (folder_ / "verify.json").string();
  EXPECT_EQ(verify({"--resume", file, "--anchor", (folder_ / "no such folder" / "heads.json").string()}).exit_code, 1);
  EXPECT_TRUE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace hermes
