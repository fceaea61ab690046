// hermes status from outside, and what all tools have in common: settings, colours, and a database that is away or refuses. The
// command is run, its output and exit codes are what a user sees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "adapters/spool/spool.h"
#include "tests/support/eventually.h"
#include "tools/commands/test_tools.h"
#include "tools/status/service_heartbeat.h"

namespace hermes::tools {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

namespace json = boost::json;

TEST_F(ToolsTest, StatusNamesWhatIsWrong) {
  handle({message("m1"), receipt("m1", Status::read, "mallory"), receipt("early", Status::read)});
  const Finished nobody = hermes({"status"});
  EXPECT_EQ(nobody.exit_code, 1);
  EXPECT_THAT(nobody.output, AllOf(HasSubstr("no ingester is running"), HasSubstr("no projector is running"),
                                   HasSubstr("not_a_recipient"), HasSubstr("Parked: 1")));

  const auto beat = [&](const std::string& service, const std::string& state, const std::string& age) {
    database_->execute(
        "INSERT INTO service_heartbeats (service, instance, host, pid, version, started_at, beat_at, interval_seconds, state, "
        "problem, details) "
        "VALUES ('" +
        service + "', 'one', 'here', 1, '0', now() - interval '1 hour', now() - interval '" + age + "', 5, '" + state +
        "', 'the disk is slow', '{\"spool_bytes\": 2048}') "
        "ON CONFLICT (service, instance) DO UPDATE SET beat_at = excluded.beat_at, state = excluded.state");
  };
  beat("ingester", "ready", "0 s");
  beat("projector", "ready", "0 s");
  const json::value well = hermes_json({"status"});
  EXPECT_EQ(well.at("ok"), true) << well;
  EXPECT_EQ(well.at("log").at("events"), 2);
  EXPECT_EQ(well.at("rejected").at(0).at("reason"), "not_a_recipient");
  const Finished fine = hermes({"status"});
  EXPECT_EQ(fine.exit_code, 0) << fine.output;
  EXPECT_THAT(fine.output, AllOf(HasSubstr("All is well"), HasSubstr("spool_bytes=2.0 KiB")));

  database_->execute("UPDATE service_heartbeats SET details = '{\"spool_age_seconds\": 61}' WHERE service = 'ingester'");
  EXPECT_THAT(hermes({"status"}).output, HasSubstr("ingester one is 61 s behind the broker"));
  EXPECT_EQ(hermes({"status", "--lag-max", "61"}).exit_code, 0);

  beat("ingester", "degraded", "0 s");
  beat("projector", "ready", "16 s");
  const Finished worse = hermes({"status"});
  EXPECT_EQ(worse.exit_code, 1);
  EXPECT_THAT(worse.output, AllOf(HasSubstr("ingester one is degraded: the disk is slow"), HasSubstr("no projector is running"),
                                  HasSubstr("gone")));
}

TEST_F(ToolsTest, StatusListsTheQueryServiceWhoseRoleMayWriteNothingElse) {
  const std::string state = "SELECT state FROM service_heartbeats WHERE service = 'query'";
  Process query = Process::start({hermes_command(), "serve", "--port", "0"},
                                 {.environment = environment(), .output = folder_ / "serve.log"});
  ASSERT_TRUE(eventually([&] { return database_->value(state) == "ready"; })) << query.output();
  const json::value service = hermes_json({"status"}).at("services").at(0);
  EXPECT_EQ(service.at("service"), "query");
  EXPECT_EQ(service.at("live"), true);
  EXPECT_THAT(query.output(), HasSubstr(std::string(service.at("details").at("address").as_string())));
  query.kill(SIGTERM);
  EXPECT_EQ(query.wait(), 0);
  EXPECT_EQ(database_->value(state), "stopped");

  Database reader(server_->settings("hermes_reader"));
  EXPECT_THROW(reader.execute("UPDATE service_heartbeats SET state = 'ready'"), pqxx::insufficient_privilege);
  EXPECT_THROW(reader.execute("DELETE FROM service_heartbeats"), pqxx::insufficient_privilege);
}

// The name is for people; how the row is written is the caller's to say, who knows what its role may do.
TEST_F(ToolsTest, AServicesNameDoesNotDecideHowItsHeartbeatIsWritten) {
  const eventstore::ServiceHeartbeat heartbeat(
      {.postgres = server_->settings("hermes_ingester"), .service = "query", .instance = "one", .version = "0"},
      [] { return eventstore::Heartbeat{}; });
  EXPECT_TRUE(
      eventually([&] { return database_->value("SELECT state FROM service_heartbeats WHERE service = 'query'") == "ready"; }));
}

TEST_F(ToolsTest, StatusNamesALateAndAStuckProjection) {
  handle({message("m1")});
  const std::string partition = database_->value("SELECT partition FROM event_log LIMIT 1");
  database_->execute("INSERT INTO projection_checkpoints (projection, partition) VALUES ('chat', " + partition + ")");
  const Finished late = hermes({"status", "--lag-max", "0"});
  EXPECT_EQ(late.exit_code, 1);
  EXPECT_THAT(late.output, HasSubstr("behind the log in 1 partitions (2 events wait)"));
  database_->execute(
      "INSERT INTO projection_stuck (projection, partition, \"offset\", stream_id, event_type, reason) VALUES ('chat', " +
      partition + ", 0, 'message/m1', 'MessageSent', 'no room')");
  EXPECT_THAT(hermes({"status"}).output,
              AllOf(HasSubstr("projection chat is stuck at " + partition + ":0"), HasSubstr("no room"),
                    HasSubstr("hermes project chat --skip " + partition + ":0")));
  EXPECT_THAT(hermes({"status", "--partitions"}).output, HasSubstr("stuck at offset 0"));

  // What else is wrong with its projector is not lost beside it.
  database_->execute(
      "INSERT INTO service_heartbeats (service, instance, host, pid, version, started_at, beat_at, interval_seconds, state, "
      "problem) "
      "VALUES ('projector', 'one', 'here', 1, '0', now(), now(), 60, 'degraded', 'inbox: no connection')");
  EXPECT_THAT(hermes({"status"}).output,
              AllOf(HasSubstr("projection chat is stuck at"), HasSubstr("projector one is degraded: inbox: no connection")));
}

// It fills while the database is away, which is when an operator wants to know.
TEST_F(ToolsTest, StatusShowsTheSpoolWhenTheDatabaseIsOutOfReach) {
  const Environment away{{"POSTGRES_PORT", "1"}, {"HERMES_SPOOL_DIR", folder_ / "spool"}};
  const Finished no_spool = hermes({"status", "--json"}, away);
  EXPECT_EQ(no_spool.exit_code, 3);
  EXPECT_TRUE(json::parse(no_spool.output).at("spool").is_null()) << no_spool.output;

  auto opened = spool::Spool::open({.folder = folder_ / "spool", .warn = {}});
  ASSERT_TRUE(opened) << opened.error().message;
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  for (const int minutes : {90, 5}) ASSERT_TRUE((*opened)->append("topic", "payload", now - std::chrono::minutes(minutes)));
  const Finished text = hermes({"status"}, away);
  EXPECT_EQ(text.exit_code, 3);
  EXPECT_THAT(text.output, AllOf(HasSubstr("Spool: 2 messages in "), HasSubstr("the oldest for 1 h 30 min")));
  EXPECT_THAT(text.errors, HasSubstr("127.0.0.1:1"));
  const json::value spool = json::parse(hermes({"status", "--json"}, away).output).at("spool");
  EXPECT_EQ(spool.at("messages"), 2);
  EXPECT_GE(spool.at("age_seconds").to_number<double>(), 5'400);
  EXPECT_GT(spool.at("bytes").to_number<double>(), 0);
}

// In a script: --at "$T" where T was never set.
TEST_F(ToolsTest, AnEmptyValueIsNotTakenForNone) {
  const std::vector<std::vector<std::string>> commands = {{"rebuild", "--at", "", "--into", ""},
                                                          {"timeline", "m-1", "--at", ""},
                                                          {"project", "--skip", "", "--reason", "x"},
                                                          {"export", "inbox", "--output", ""},
                                                          {"export", "inbox", "--directory", ""},
                                                          {"verify", "--anchor", ""},
                                                          {"verify", "--resume", ""},
                                                          {"tail", "--stream", ""}};
  for (const auto& command : commands) {
    const Finished finished = hermes(command);
    EXPECT_EQ(finished.exit_code, 2) << command.front();
    EXPECT_THAT(finished.errors, HasSubstr("is empty")) << command.front();
  }
}

TEST_F(ToolsTest, TheProgressOfARebuildNamesTheProjection) {
  handle({message("m1")});
  const std::string position = database_->value("SELECT partition || ':1' FROM event_log LIMIT 1");
  const Finished plain = hermes({"rebuild"});
  const Finished past = hermes({"rebuild", "--at", position, "--into", "past"});
  const Finished terminal = run({"script", "-qec", hermes_command() + " rebuild", "/dev/null"}, environment());
  const std::string in_json = hermes({"rebuild", "--at", position, "--into", "in_json", "--json"}).output;
  for (const std::string name : {"chat", "inbox", "typing"}) {
    EXPECT_THAT(lines_of(plain.errors), Contains(StartsWith(name + ": load      "))) << plain.errors;
    EXPECT_THAT(lines_of(past.errors), Contains(StartsWith(name + ": load      "))) << past.errors;
    EXPECT_THAT(terminal.output, HasSubstr("\r" + name + ": load      ")) << terminal.output;
    EXPECT_THAT(in_json, HasSubstr("\"what\":\"in_json\",\"projection\":\"" + name + "\",\"phase\":\"load\""));
  }
  EXPECT_THAT(lines_of(plain.errors), Each(MatchesRegex("(chat|inbox|typing): .*")));
  EXPECT_THAT(lines_of(past.errors).front(), StartsWith("past: prepare"));
}

TEST_F(ToolsTest, ThePastGoesOnlyWhereItCanBe) {
  const auto refusal = [&](const std::string& at, const std::string& into) {
    const Finished finished = hermes({"rebuild", "--at", at, "--into", into});
    EXPECT_EQ(finished.exit_code, 2) << at << " " << into;
    return finished.errors;
  };
  EXPECT_THAT(refusal("2026-01-31T12:00Z", std::string(64, 'a')), HasSubstr("at most 63 bytes"));
  EXPECT_THAT(refusal("2026-01-31T12:00Z", "pg_past"), HasSubstr("choose another"));
  EXPECT_THAT(refusal("2026-01-31T12:00Z", "hermes_rebuild_chat"), HasSubstr("choose another"));
  EXPECT_THAT(refusal("9999-01-01T00:00Z", "past"), HasSubstr("is in the future"));
  EXPECT_EQ(database_->value("SELECT count(*) FROM pg_namespace WHERE nspname = 'past'"), "0");
}

TEST_F(ToolsTest, ADatabaseOutOfReachIsCodeThree) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"timeline", "m1"}, {"tail"}, {"status"}}) {
    const Finished finished = hermes(command, {{"POSTGRES_PORT", "1"}});
    EXPECT_EQ(finished.exit_code, 3) << command[0];
    EXPECT_THAT(lines_of(finished.errors), ElementsAre(HasSubstr("127.0.0.1:1"))) << command[0];
  }
}

TEST_F(ToolsTest, ADatabaseThatTakesNoWritesIsCodeThreeForWhatWrites) {
  handle({message("m1")});
  const std::string partition = database_->value("SELECT partition FROM event_log LIMIT 1");
  database_->execute(
      "INSERT INTO projection_stuck (projection, partition, \"offset\", stream_id, event_type, reason) VALUES ('chat', " +
      partition + ", 0, 'message/m1', 'MessageSent', 'no room'); ALTER DATABASE " + server_->settings().database +
      " SET default_transaction_read_only = on");
  const auto expect_refused = [&](const std::vector<std::string>& command) {
    const Finished finished = hermes(command);
    EXPECT_EQ(finished.exit_code, 3) << command.front();
    EXPECT_THAT(lines_of(finished.errors),
                Contains(AllOf(StartsWith("hermes: PostgreSQL at "), HasSubstr(" takes no writes: cannot execute "),
                               HasSubstr("hermes doctor"))))
        << command.front();
  };
  EXPECT_EQ(hermes({"migrate"}).output, "up to date\n");
  expect_refused({"project", "chat", "--skip", partition + ":0", "--reason", "x"});
  expect_refused({"rebuild", "inbox"});
  database_->execute("SET default_transaction_read_only = off; DELETE FROM hermes_schema_migrations WHERE number = 21");
  expect_refused({"migrate"});
}

TEST_F(ToolsTest, WhatTheDatabaseRefusesIsOneLineThatSaysWhatToDo) {
  const Environment bare{{"POSTGRES_DB", "postgres"}};
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"verify"}, {"export", "inbox"}, {"tail"}, {"status"}, {"timeline", "m-1"}}) {
    const Finished finished = hermes(command, bare);
    EXPECT_EQ(finished.exit_code, 1);
    EXPECT_THAT(finished.errors, MatchesRegex("hermes: the database is not migrated: [^\\\\]*hermes migrate\n"))
        << command.front();
  }
  Database superuser(server_->postgres().superuser());
  superuser.execute("CREATE ROLE onlooker LOGIN PASSWORD 'private'; GRANT hermes_reader TO onlooker");
  const Environment onlooker{{"POSTGRES_USER", "onlooker"}, {"POSTGRES_PASSWORD", "private"}};
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"rebuild", "chat"}, {"project", "--skip", "0:0", "--reason", "x"}}) {
    const Finished finished = hermes(command, onlooker);
    EXPECT_EQ(finished.exit_code, 1);
    EXPECT_THAT(finished.errors, AllOf(HasSubstr("user onlooker may not do that: "), HasSubstr("owns the database")))
        << command.front();
  }
  EXPECT_EQ(hermes({"verify"}, onlooker).exit_code, 0);
  superuser.execute("REVOKE hermes_reader FROM onlooker");
  EXPECT_THAT(hermes({"verify"}, onlooker).errors,
              AllOf(HasSubstr("cannot act as hermes_reader"), HasSubstr("grant the role")));
  superuser.execute("DROP ROLE onlooker");
}

TEST_F(ToolsTest, NoColourWhereNobodyWantsIt) {
  // Output to a file or pipe has none; script(1) gives the command a terminal.
  handle({message("m1"), receipt("m1", Status::read)});
  const std::string command = hermes_command() + " timeline m1";
  const auto on_terminal = [&](Environment extra) {
    extra.merge(environment());
    extra["TERM"] = "xterm";
    return run({"script", "-qec", command, "/dev/null"}, extra).output;
  };
  EXPECT_THAT(hermes({"timeline", "m1"}).output, Not(HasSubstr("\x1b[")));
  EXPECT_THAT(on_terminal({}), HasSubstr("\x1b["));
  EXPECT_THAT(on_terminal({{"NO_COLOR", "1"}}), Not(HasSubstr("\x1b[")));
}

}  // namespace
}  // namespace hermes::tools
