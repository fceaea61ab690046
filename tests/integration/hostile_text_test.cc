// What strangers wrote reaches an operator in many places: in ids and names of the log, in reasons and details, in the words of
// the database. None of it may drive the terminal, or look like a line of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "bench/stack.h"
#include "tests/servers/environment.h"
#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"
#include "tests/support/read_models.h"
#include "tests/support/tools_fixture.h"

namespace hermes::tools {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Clears the screen, ends the line, and turns the direction of what follows.
const std::string kHostile = "\x1b[2J\nforged: \xE2\x80\xAE";
const std::string kShown = "\\x1b[2J\\nforged: \\u202e";
// The same as PostgreSQL reads it.
const std::string kInSql = "E'\\x1b[2J\\nforged: \\u202E'";

// Whether it is there, and does nothing.
testing::Matcher<std::string> shown_harmlessly() {
  return AllOf(HasSubstr(kShown), Not(HasSubstr("\x1b")), Not(HasSubstr("\nforged")), Not(HasSubstr("\xE2\x80\xAE")));
}

class HostileText : public ToolsFixture {
 protected:
  void SetUp() override {
    ToolsFixture::SetUp();
    writer_ = std::make_unique<LogWriter>(server_->settings());
  }

  void handle(std::vector<domain::Command> commands) { ToolsFixture::handle(batch(std::move(commands))); }
  void heartbeat(const std::string& service, const std::string& state) {
    database_->execute(
        "INSERT INTO service_heartbeats (service, instance, host, pid, version, started_at, beat_at, interval_seconds, state, "
        "problem) "
        "VALUES ('" +
        service + "', 'one', 'here', 1, '0', now(), now(), 3600, '" + state + "', " + kInSql + ")");
  }
  void make_stuck(const std::string& projection, const eventstore::Position& at) {
    const std::string key = "'" + projection + "', " + std::to_string(at.partition);
    database_->execute(
        "INSERT INTO projection_checkpoints (projection, partition) VALUES (" + key +
        ") ON CONFLICT DO NOTHING;"
        "INSERT INTO projection_stuck (projection, partition, \"offset\", stream_id, event_type, reason) VALUES (" +
        key + ", " + std::to_string(at.offset) + ", " + kInSql + ", 'MessageSent', " + kInSql + ")");
  }

  std::unique_ptr<LogWriter> writer_;
};

TEST_F(HostileText, InTheIdOfAStreamIsShownByTail) {
  writer_->append_as_is("message/" + kHostile, "MessageForgotten", 1, "");
  EXPECT_THAT(hermes({"tail"}).errors, AllOf(HasSubstr("stopped at"), shown_harmlessly()));
  EXPECT_THAT(hermes({"tail", "--stream", kHostile}).errors, AllOf(HasSubstr("no stream"), shown_harmlessly()));
}

TEST_F(HostileText, InTheTypeOfAnEventIsShownByTailTimelineAndVerify) {
  handle({message("m1")});
  writer_->append_as_is("message/m1", kHostile, 1, "");
  EXPECT_THAT(hermes({"tail"}).errors, AllOf(HasSubstr("stopped at"), shown_harmlessly()));
  EXPECT_THAT(hermes({"timeline", "m1"}).errors, AllOf(HasSubstr("cannot be read"), shown_harmlessly()));
  EXPECT_THAT(hermes({"verify", "--only", "streams"}).output, AllOf(HasSubstr("stream message/m1"), shown_harmlessly()));
}

TEST_F(HostileText, InTheIdOfAStreamIsShownByVerify) {
  writer_->append_as_is("message/" + kHostile, "MessageForgotten", 1, "");
  EXPECT_THAT(hermes({"verify", "--only", "streams"}).output, AllOf(HasSubstr("stream message/"), shown_harmlessly()));
}

TEST_F(HostileText, InWhoSkippedAnEventAndWhyIsShownByVerify) {
  handle({message("m1")});
  database_->execute(
      "INSERT INTO projection_checkpoints (projection, partition) SELECT 'chat', partition FROM event_log_heads;"
      "INSERT INTO projection_skips SELECT 'chat', partition, \"offset\", " +
      kInSql +
      ", 'anna', now() FROM event_log "
      "WHERE version = 0");
  EXPECT_THAT(hermes({"verify", "--only", "tables"}).output, AllOf(HasSubstr("left out by anna"), shown_harmlessly()));
}

TEST_F(HostileText, InNamesAndContentsIsShownByTimeline) {
  domain::SendMessage sent = message("m1", "fredy", "david", kHostile);
  handle({sent});
  const std::string content = hermes({"timeline", "m1"}).output;
  EXPECT_THAT(content, shown_harmlessly());
  sent = message("m2");
  sent.sender_name = kHostile;
  handle({sent});
  EXPECT_THAT(hermes({"timeline", "m2"}).output, AllOf(HasSubstr("from fredy ("), shown_harmlessly()));
  // An id may hold no control character, but may turn the direction.
  const std::string id = "m\xE2\x80\xAE";
  handle({message(id)});
  EXPECT_THAT(hermes({"timeline", id}).output, AllOf(HasSubstr("Message m\\u202e from"), Not(HasSubstr("\xE2\x80\xAE"))));
}

TEST_F(HostileText, InReasonsAndProblemsIsShownByStatus) {
  handle({message("m1")});
  const auto position = eventstore::parse_position(database_->value("SELECT partition || ':0' FROM event_log LIMIT 1"));
  make_stuck("chat", *position);
  EXPECT_THAT(hermes({"status"}).output, AllOf(HasSubstr("projection chat is stuck at"), shown_harmlessly()));
  database_->execute("DELETE FROM projection_stuck");
  heartbeat("ingester", "degraded");
  EXPECT_THAT(hermes({"status"}).output, AllOf(HasSubstr("ingester one is degraded"), shown_harmlessly()));
  database_->execute(
      "DELETE FROM service_heartbeats;"
      "INSERT INTO postponed_events (partition, stream_key, stream_id, received_at, topic, payload, sequence, reason) "
      "VALUES (0, gen_random_uuid(), 'message/m1', now(), 't', '', 1, " +
      kInSql + ")");
  EXPECT_THAT(hermes({"status"}).output, AllOf(HasSubstr("1 message waits in postponed_events"), shown_harmlessly()));
}

TEST_F(HostileText, InAServicesProblemIsShownByDoctor) {
  heartbeat("ingester", "degraded");
  Environment nothing_else{{"MQTT_BROKER_PORT", "1"}, {"HERMES_SPOOL_DIR", folder_ / "spool"}};
  for (const char* port : {"HERMES_INGESTER_PORT", "HERMES_PROJECTOR_PORT", "HERMES_QUERY_PORT"})
    nothing_else[port] = std::to_string(free_port());
  const std::string output = hermes({"doctor"}, nothing_else).output;
  EXPECT_THAT(output,
              AllOf(HasSubstr("ingester one is degraded: \\x1b[2J"), Not(HasSubstr("\x1b")), Not(HasSubstr("\nforged"))));
}

TEST_F(HostileText, InATopicADetailAndANoteIsShownByRejected) {
  eventstore::Incoming one = incoming(message("m1"));
  one.content = domain::Rejection{domain::RejectionReason::malformed_json, "detail " + kHostile};
  one.raw.topic = "topic " + kHostile;
  ToolsFixture::handle({one});
  EXPECT_THAT(hermes({"rejected", "list"}).output, AllOf(HasSubstr("detail \\x1b"), shown_harmlessly()));
  EXPECT_THAT(hermes({"rejected", "show", "1"}).output,
              AllOf(HasSubstr("detail " + kShown), HasSubstr("topic " + kShown), shown_harmlessly()));
  const Finished dropped = hermes({"rejected", "drop", "1", "--reason", "note " + kHostile, "--by", "by " + kHostile, "--yes"});
  EXPECT_THAT(dropped.output, AllOf(HasSubstr("1 rejected message dropped by by " + kShown), shown_harmlessly()));
  EXPECT_THAT(hermes({"rejected", "show", "1"}).output,
              AllOf(HasSubstr("dropped by by " + kShown), HasSubstr("note " + kShown), shown_harmlessly()));
}

TEST_F(HostileText, InAPayloadIsShownByRejected) {
  ToolsFixture::handle({malformed("no JSON: \xE2\x80\xAE")});
  EXPECT_THAT(hermes({"rejected", "show", "1"}).output, AllOf(HasSubstr("no JSON: \\u202e"), Not(HasSubstr("\xE2\x80\xAE"))));
}

TEST_F(HostileText, InWhyARetryIsRefusedIsShownByRejected) {
  eventstore::Incoming one = incoming(receipt("m1", Status::read,
                                              "\u202e"
                                              "eve"));
  one.raw.payload = IngestStack::status("m1", "read",
                                        "\u202e"
                                        "eve");
  ToolsFixture::handle({incoming(message("m1")), one});
  EXPECT_THAT(hermes({"rejected", "retry", "1"}).output,
              AllOf(HasSubstr("refused: not_a_recipient"), HasSubstr("\\u202eeve"), Not(HasSubstr("\xE2\x80\xAE"))));
}

TEST_F(HostileText, InTheNameOfAPublicationIsShownByRebuild) {
  handle({message("m1")});
  postgres::Settings superuser = server_->postgres().superuser();
  superuser.database = server_->settings().database;
  Database(superuser).execute("DO $$ BEGIN EXECUTE format('CREATE PUBLICATION %I FOR ALL TABLES', " + kInSql + "); END $$");
  EXPECT_THAT(hermes({"rebuild", "chat"}).output, AllOf(HasSubstr("The publication \\x1b"), shown_harmlessly()));
}

TEST_F(HostileText, InThePathOfAnAnchorIsShownByVerify) {
  handle({message("m1")});
  const std::string anchor = folder_ / ("\x1b[2J\nforged: \xE2\x80\xAE");
  for (int i = 0; i < 2; ++i) EXPECT_THAT(hermes({"verify", "--anchor", anchor}).output, shown_harmlessly());
}

// As of a trigger of the operator's, which quotes what it refuses.
TEST_F(HostileText, InTheWordsOfTheDatabaseIsShownAsOneLine) {
  ToolsFixture::handle({malformed("no JSON")});
  database_->execute(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING MESSAGE = "
      "E'\\x1b[2J\\u202Erefused', DETAIL = E'\\x1b[2J\\nforged'; END $$;"
      "CREATE TRIGGER refuse BEFORE UPDATE ON rejected_events FOR EACH ROW EXECUTE FUNCTION refuse()");
  const std::string errors = hermes({"rejected", "drop", "1", "--reason", "why", "--yes"}).errors;
  EXPECT_THAT(errors, AllOf(HasSubstr("\\x1b[2J\\u202erefused"), Not(HasSubstr("\x1b")), Not(HasSubstr("\xE2\x80\xAE"))));
  EXPECT_EQ(lines_of(errors).size(), 1u) << errors;
}

TEST_F(HostileText, InTheEventThatARebuildStopsAtIsShownAsOneLine) {
  writer_->append_as_is("message/" + kHostile, kHostile, 1, "");
  const Finished rebuilt = hermes({"rebuild", "chat"});
  EXPECT_EQ(rebuilt.exit_code, 1);
  EXPECT_THAT(rebuilt.errors, shown_harmlessly());
}

TEST_F(HostileText, InTheEventThatStopsAProjectionIsShownByItsLogByHealthAndBySkip) {
  Environment environment = this->environment();
  environment["HERMES_POLL_MS"] = "100";
  bench::Service projector({hermes_command(), "project"}, environment, folder_ / "projector.log");
  projector.start();
  projector.wait_ready();
  const auto position = eventstore::to_string(writer_->append_as_is("message/" + kHostile, kHostile, 1, ""));
  ASSERT_TRUE(eventually([&] { return database_->value("SELECT count(*) FROM projection_stuck") == "3"; }));
  EXPECT_THAT(hermes({"health", "--port", std::to_string(projector.http_port())}).output,
              AllOf(HasSubstr("failing"), Not(HasSubstr("\x1b")), Not(HasSubstr("\xE2\x80\xAE"))));
  EXPECT_THAT(hermes({"project", "chat", "--skip", position, "--reason", "hostile"}).output,
              AllOf(HasSubstr("will leave out"), shown_harmlessly()));
  projector.stop();
  std::ostringstream log;
  log << std::ifstream(projector.log()).rdbuf();
  EXPECT_THAT(log.str(), AllOf(HasSubstr("stuck at " + position), shown_harmlessly()));
}

}  // namespace
}  // namespace hermes::tools
