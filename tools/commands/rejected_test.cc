// hermes rejected from outside: the command is run, its output, exit codes and what it leaves in the tables are what an
// operator sees. The log is a real one; what is rejected was rejected by the command handler.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"
#include "tests/support/log_fixture.h"
#include "tests/support/tools_fixture.h"

namespace hermes::tools {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

namespace json = boost::json;

class RejectedTest : public ToolsFixture {
 protected:
  // As the ingester takes it: raw bytes that say the same as the command.
  static eventstore::Incoming from_wire(domain::Command command, std::string payload) {
    eventstore::Incoming one = incoming(std::move(command));
    one.raw.payload = std::move(payload);
    return one;
  }
  static eventstore::Incoming wire_message(const std::string& id) {
    return from_wire(message(id), IngestStack::message(id, "fredy", "david", "hello"));
  }
  static eventstore::Incoming wire_receipt(const std::string& id, const std::string& user = "david") {
    return from_wire(receipt(id, Status::read, user), IngestStack::status(id, "read", user));
  }

  // A receipt that waited for its message until the window was over.
  void expire_a_receipt(const std::string& id) {
    handle({wire_receipt(id)});
    auto expired = handler_->expire_parked(std::chrono::seconds(0));
    ASSERT_TRUE(expired) << expired.error().detail;
    ASSERT_EQ(*expired, 1u);
  }

  Finished rejected(std::vector<std::string> arguments, const Environment& extra = {}) const {
    arguments.insert(arguments.begin(), "rejected");
    return hermes(std::move(arguments), extra);
  }

  // "retried" and its note, or "open" and the note of the last retry, if any.
  std::string state_of(std::int64_t id) {
    return database_->value(
        "SELECT coalesce(resolution, 'open') || ' ' || coalesce(resolution_note, '-') FROM rejected_events "
        "WHERE id = " +
        std::to_string(id));
  }
  std::vector<std::string> events() {
    return database_->column(
        "SELECT stream_id || ' ' || version || ' ' || event_type FROM event_log ORDER BY stream_id, version");
  }
};

TEST_F(RejectedTest, ListsWhatIsOpenTheNewestFirst) {
  EXPECT_EQ(rejected({"list"}).output, "Nothing rejected is open.\n");
  handle({wire_message("m1"), wire_receipt("m1", "mallory"), malformed("not JSON")});
  const Finished listed = rejected({"list"});
  EXPECT_EQ(listed.exit_code, 0) << listed.errors;
  EXPECT_THAT(lines_of(listed.output),
              ElementsAre(StartsWith("ID  REJECTED"), MatchesRegex(" *2 .*malformed_json +- +- +open +no JSON at byte 1"),
                          MatchesRegex(" *1 .*not_a_recipient +m1 +mallory +open .*")));
}

TEST_F(RejectedTest, ListFilters) {
  handle({wire_message("m1"), wire_receipt("m1", "mallory"), malformed("not JSON"), malformed("nor this")});
  database_->execute("UPDATE rejected_events SET rejected_at = now() - interval '3 hours' WHERE id = 1");
  ASSERT_EQ(rejected({"drop", "2", "--reason", "a test", "--yes"}).exit_code, 0);
  const auto ids = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"list", "--json"});
    std::vector<std::int64_t> found;
    for (const std::string& line : lines_of(rejected(flags).output)) found.push_back(json::parse(line).at("id").as_int64());
    return found;
  };
  EXPECT_THAT(ids({}), ElementsAre(3, 1));
  EXPECT_THAT(ids({"--resolved"}), ElementsAre(3, 2, 1));
  EXPECT_THAT(ids({"--reason", "not_a_recipient"}), ElementsAre(1));
  EXPECT_THAT(ids({"--since", "2h"}), ElementsAre(3));
  EXPECT_THAT(ids({"--since", "2001-01-01T00:00Z"}), ElementsAre(3, 1));
  EXPECT_THAT(ids({"--limit", "1"}), ElementsAre(3));
  EXPECT_THAT(rejected({"list", "--limit", "1"}).output, HasSubstr("Older ones are left out"));
}

TEST_F(RejectedTest, ShowsTheBytesWithoutObeyingThem) {
  handle({malformed("{\"content\": \"\x1b[2J\xE2\x80\xAE\"\n"), malformed(std::string("\x00\x01\xff{\"\x1b", 6))});
  const Finished text = rejected({"show", "1"});
  EXPECT_EQ(text.exit_code, 0) << text.errors;
  EXPECT_THAT(text.output, Not(AnyOf(HasSubstr("\x1b"), HasSubstr("\xE2\x80\xAE"))));
  const Finished binary = rejected({"show", "2"});
  EXPECT_THAT(binary.output,
              AllOf(HasSubstr("malformed_json: no JSON at byte 1"), HasSubstr("chat/messages/david"),
                    HasSubstr("6 bytes, not text"), HasSubstr("00000000  00 01 ff 7b 22 1b"), HasSubstr("|...{\".|")));
  EXPECT_THAT(binary.output, Not(HasSubstr("\x1b")));
  EXPECT_EQ(rejected({"show", "2", "--raw"}).output, std::string("\x00\x01\xff{\"\x1b", 6));
  const json::value shown = json::parse(rejected({"show", "2", "--json"}).output);
  EXPECT_EQ(shown.at("payload"), nullptr);
  EXPECT_EQ(shown.at("payload_hex"), "0001ff7b221b");
}

TEST_F(RejectedTest, ATextIsShownOnOneLine) {
  handle({wire_message("m1"), wire_receipt("m1", "mallory")});
  const Finished shown = rejected({"show", "1"});
  EXPECT_THAT(shown.output, AllOf(HasSubstr("not_a_recipient"), HasSubstr("bytes of text"), HasSubstr("state       open"),
                                  HasSubstr("\n" + IngestStack::status("m1", "read", "mallory") + "\n")));
}

TEST_F(RejectedTest, RetryWorksOnceTheCauseIsGone) {
  expire_a_receipt("m1");
  const Finished too_early = rejected({"retry", "1", "--by", "anna"});
  EXPECT_EQ(too_early.exit_code, 1) << too_early.output;
  EXPECT_THAT(too_early.output, HasSubstr("1  waits: its message is still not in the log; it stays open"));
  EXPECT_THAT(state_of(1), MatchesRegex("open retried at 20.*Z by anna: its message is still not in the log"));
  EXPECT_EQ(database_->value("SELECT count(*) FROM parked_events"), "0");  // it is on one list only

  handle({wire_message("m1")});
  const Finished retried = rejected({"retry", "1", "--by", "anna"});
  EXPECT_EQ(retried.exit_code, 0) << retried.output << retried.errors;
  EXPECT_THAT(retried.output, HasSubstr("1 resolved, 0 not"));
  EXPECT_THAT(events(), ElementsAre("message/m1 0 MessageSent", "message/m1 1 MessageReceived", "message/m1 2 MessageRead"));
  EXPECT_THAT(state_of(1), MatchesRegex("retried appended at [0-9]+:2"));
  EXPECT_EQ(database_->value("SELECT resolved_by FROM rejected_events WHERE resolved_at IS NOT NULL"), "anna");
  EXPECT_EQ(database_->value("SELECT occurred_at AT TIME ZONE 'UTC' FROM event_log WHERE version = 2"),
            "2026-01-31 12:00:01.5");
  EXPECT_THAT(faults_of_log(*database_), IsEmpty());
}

TEST_F(RejectedTest, WhatIsRefusedAgainStaysOpenAndSaysWhy) {
  handle({wire_message("m1"), wire_receipt("m1", "mallory"), malformed("not JSON")});
  const Finished retried = rejected({"retry", "--all"});
  EXPECT_EQ(retried.exit_code, 1);
  EXPECT_THAT(lines_of(retried.output), ElementsAre(StartsWith("1  refused: not_a_recipient: "),
                                                    StartsWith("2  refused: malformed_json: "), "0 resolved, 2 not"));
  EXPECT_THAT(state_of(1), MatchesRegex("open retried at .* by .+: refused again \\(not_a_recipient\\): .*"));
  EXPECT_EQ(database_->value("SELECT count(*) FROM rejected_events"), "2");
  EXPECT_THAT(rejected({"show", "1"}).output, HasSubstr("refused again"));
}

TEST_F(RejectedTest, RetriedTwiceTakesEffectOnce) {
  expire_a_receipt("m1");
  handle({wire_message("m1")});
  ASSERT_EQ(rejected({"retry", "1"}).exit_code, 0);
  const Finished again = rejected({"retry", "1"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.output, HasSubstr("1  not open: retried by "));
  EXPECT_EQ(rejected({"retry", "--all"}).output, "Nothing to retry.\n");
  EXPECT_THAT(events(), SizeIs(3));
}

// Typing is the harder case: a start after a stop is no duplicate to the domain, only to the row.
TEST_F(RejectedTest, ManyRetriesAtOnceTakeEffectOnce) {
  eventstore::Incoming start = from_wire(typing("fredy", "david", true), IngestStack::typing("fredy", "david", true));
  start.content = domain::Rejection{domain::RejectionReason::refused_by_database, "for the test"};
  handle({start});
  std::vector<Process> retries;
  for (int i = 0; i < 4; ++i) {
    retries.push_back(Process::start({hermes_command(), "rejected", "retry", "--all"},
                                     {.environment = environment(), .output = folder_ / ("retry" + std::to_string(i))}));
  }
  ASSERT_TRUE(eventually([&] { return database_->value("SELECT count(*) FROM event_log") != "0"; }));
  handle({incoming(typing("fredy", "david", false))});
  std::string all;
  for (Process& retry : retries) {
    ASSERT_TRUE(retry.wait());
    all += retry.output();
  }
  EXPECT_EQ(database_->value("SELECT count(*) FROM event_log WHERE event_type = 'TypingStarted'"), "1") << all;
  EXPECT_THAT(state_of(1), StartsWith("retried appended at "));
}

TEST_F(RejectedTest, RetryAndALiveDuplicateAreOneMessage) {
  // The message was refused by a database that has come to its senses; its sender repeats it while operators retry it.
  std::vector<eventstore::Incoming> refused;
  std::vector<eventstore::Incoming> live;
  for (int i = 0; i < 300; ++i) {
    const std::string id = "m" + std::to_string(i);
    live.push_back(wire_message(id));
    refused.push_back(wire_message(id));
    refused.back().content = domain::Rejection{domain::RejectionReason::refused_by_database, "for the test"};
  }
  handle(refused);
  Process retry = Process::start({hermes_command(), "rejected", "retry", "--all"},
                                 {.environment = environment(), .output = folder_ / "retry"});
  for (const eventstore::Incoming& one : live) handle({one});
  EXPECT_EQ(retry.wait(), 0) << retry.output();
  EXPECT_EQ(database_->value("SELECT count(*) FROM event_log"), "600");
  EXPECT_EQ(database_->value("SELECT count(*) FROM rejected_events WHERE resolution = 'retried'"), "300");
  EXPECT_THAT(faults_of_log(*database_), IsEmpty());
}

TEST_F(RejectedTest, ARetriedMessageTakesWhatWaitsForItAlong) {
  eventstore::Incoming refused = wire_message("m1");
  refused.content = domain::Rejection{domain::RejectionReason::refused_by_database, "for the test"};
  handle({refused, wire_receipt("m1"), wire_receipt("m1", "mallory")});
  ASSERT_EQ(rejected({"retry", "--reason", "refused_by_database"}).exit_code, 0);
  EXPECT_THAT(events(), SizeIs(3));
  EXPECT_EQ(database_->value("SELECT count(*) FROM parked_events"), "0");
  EXPECT_EQ(database_->value("SELECT message_id || ' ' || actor_id FROM rejected_events WHERE reason = 'not_a_recipient'"),
            "m1 mallory");
  EXPECT_THAT(faults_of_log(*database_), IsEmpty());
}

TEST_F(RejectedTest, WhatTheDatabaseRefusesIsFoundAmongTheOthers) {
  std::vector<eventstore::Incoming> refused;
  for (const char* id : {"m1", "poison", "m2"}) {
    refused.push_back(wire_message(id));
    refused.back().content = domain::Rejection{domain::RejectionReason::refused_by_database, "for the test"};
  }
  handle(refused);
  database_->execute("ALTER TABLE event_log ADD CONSTRAINT no_poison CHECK (stream_id <> 'message/poison')");
  const Finished retried = rejected({"retry", "--all"});
  EXPECT_EQ(retried.exit_code, 1);
  EXPECT_THAT(retried.output, HasSubstr("2 resolved, 1 not"));
  EXPECT_THAT(state_of(2),
              AllOf(StartsWith("open "), HasSubstr("refused again (refused_by_database)"), HasSubstr("no_poison")));
  database_->execute("ALTER TABLE event_log DROP CONSTRAINT no_poison");
  EXPECT_EQ(rejected({"retry", "2"}).exit_code, 0);
  EXPECT_THAT(events(), SizeIs(6));
}

TEST_F(RejectedTest, DropRecordsWhoAndWhyAndKeepsTheBytes) {
  handle({malformed("not JSON"), malformed("nor this")});
  const Finished dropped = rejected({"drop", "1", "--reason", "a test of ours", "--yes"}, {{"SUDO_USER", "anna"}});
  EXPECT_EQ(dropped.exit_code, 0) << dropped.errors;
  EXPECT_THAT(dropped.output, StartsWith("1 rejected message dropped by anna@"));
  EXPECT_EQ(state_of(1), "dropped a test of ours");
  EXPECT_THAT(database_->value("SELECT resolved_by FROM rejected_events WHERE resolved_at > now() - interval '1 hour'"),
              StartsWith("anna@"));
  EXPECT_EQ(rejected({"show", "1", "--raw"}).output, "not JSON");
  EXPECT_EQ(rejected({"retry", "1"}).exit_code, 1);
  EXPECT_EQ(state_of(1), "dropped a test of ours");
}

TEST_F(RejectedTest, DropIsAllOrNothing) {
  handle({malformed("not JSON")});
  const Finished dropped = rejected({"drop", "1", "99", "--reason", "a test", "--yes"});
  EXPECT_EQ(dropped.exit_code, 1);
  EXPECT_THAT(lines_of(dropped.errors), ElementsAre(HasSubstr("nothing was dropped: not open, or not there: 99")));
  EXPECT_EQ(state_of(1), "open -");
}

TEST_F(RejectedTest, DropAsksAtATerminalAndRefusesWithoutOne) {
  handle({malformed("not JSON")});
  const Finished piped = rejected({"drop", "1", "--reason", "a test"});
  EXPECT_EQ(piped.exit_code, 2);
  EXPECT_THAT(lines_of(piped.errors), ElementsAre(AllOf(HasSubstr("nothing was dropped"), HasSubstr("--yes"))));

  // script(1) gives the command a terminal. Its answer is typed once the question is there: the terminal's start would flush
  // it.
  const auto answer = [&](const std::string& word, const std::string& file) {
    Environment terminal = environment();
    Process asking = Process::start({"script", "-qec", hermes_command() + " rejected drop 1 --reason 'a test'", "/dev/null"},
                                    {.environment = terminal, .output = folder_ / file, .input_by_pipe = true});
    EXPECT_TRUE(eventually([&] { return asking.output().find("[y/N]") != std::string::npos; })) << asking.output();
    asking.write(word + "\n");
    const auto code = asking.wait();
    return code.value_or(-1);
  };
  EXPECT_EQ(answer("n", "no"), 1);
  EXPECT_EQ(state_of(1), "open -");
  EXPECT_EQ(answer("y", "yes"), 0);
  EXPECT_EQ(state_of(1), "dropped a test");
}

TEST_F(RejectedTest, DropDoesNotAskAboutWhatItCannotDrop) {
  handle({malformed("not JSON"), malformed("nor this")});
  ASSERT_EQ(rejected({"drop", "2", "--reason", "a test", "--yes"}).exit_code, 0);
  const Finished asked =
      run({"script", "-qec", hermes_command() + " rejected drop 1 2 99 --reason 'a test'", "/dev/null"}, environment(), "y\n");
  EXPECT_EQ(asked.exit_code, 1);
  EXPECT_THAT(asked.output, AllOf(HasSubstr("nothing was dropped: not open, or not there: 2, 99"), Not(HasSubstr("[y/N]"))));
  EXPECT_EQ(state_of(1), "open -");
}

// As one that is out of reach; but which it is and what to do about it is another matter.
TEST_F(RejectedTest, ADatabaseThatTakesNoWritesIsOneLineThatSaysWhatToDoAndCodeThree) {
  handle({malformed("not JSON")});
  const auto is_refused = [&](const Environment& extra) {
    for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
             {"retry", "1"}, {"retry", "--all"}, {"drop", "1", "--reason", "a test", "--yes"}}) {
      const Finished finished = rejected(arguments, extra);
      EXPECT_EQ(finished.exit_code, 3) << testing::PrintToString(arguments);
      EXPECT_THAT(finished.output, IsEmpty());
      EXPECT_THAT(lines_of(finished.errors), ElementsAre(AllOf(StartsWith("hermes: PostgreSQL at 127.0.0.1:"),
                                                               HasSubstr(" takes no writes: "), HasSubstr("hermes doctor"))))
          << testing::PrintToString(arguments);
    }
    EXPECT_EQ(rejected({"show", "1"}, extra).exit_code, 0);
  };
  const auto standby = PrivatePostgres::standby_of(server_->postgres(), "rejected");
  ASSERT_TRUE(eventually([&] {
    return rejected({"show", "1"}, {{"POSTGRES_PORT", std::to_string(standby->port())}}).exit_code == 0;
  }));
  is_refused({{"POSTGRES_PORT", std::to_string(standby->port())}});

  database_->execute("ALTER DATABASE " + server_->settings().database + " SET default_transaction_read_only = on");
  is_refused({});
  EXPECT_EQ(state_of(1), "open -");
}

TEST_F(RejectedTest, WrongUsageIsOneLineAndCodeTwo) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"retry"},
                                             {"retry", "1", "--all"},
                                             {"retry", "x"},
                                             {"retry", "0"},
                                             {"retry", "1", "--by", std::string(1'001, 'x')},
                                             {"retry", "1", "--by", ""},
                                             {"drop", "1", "--reason", "x", "--by", " ", "--yes"},
                                             {"show", "-1"},
                                             {"show", "1.5"},
                                             {"show", "99999999999999999999"},
                                             {"retry", "--reason", "malformed_jsn"},
                                             {"list", "--since", "yesterday"},
                                             {"show"},
                                             {"drop", "1", "--yes"},
                                             {"drop", "1", "--reason", " ", "--yes"},
                                             {"drop", "1", "--reason", "not \xff UTF-8", "--yes"}}) {
    const Finished finished = rejected(arguments);
    EXPECT_EQ(finished.exit_code, 2) << testing::PrintToString(arguments);
    EXPECT_THAT(lines_of(finished.errors), ElementsAre(StartsWith("hermes: "))) << testing::PrintToString(arguments);
    EXPECT_LT(finished.errors.size(), 400u) << testing::PrintToString(arguments);
  }
  EXPECT_THAT(rejected({"retry", "--reason", "malformed_jsn"}).errors, HasSubstr("did you mean malformed_json? See: "));
  EXPECT_THAT(rejected({"list", "--reason", "whatever"}).errors,
              AllOf(HasSubstr("malformed_json"), HasSubstr("parked_too_long")));
  EXPECT_THAT(rejected({"lst"}).errors,
              HasSubstr("there is no subcommand lst; did you mean list? See: hermes rejected --help"));
  EXPECT_THAT(rejected({}).errors, HasSubstr("A subcommand is required"));
  EXPECT_THAT(rejected({"show", "x"}).errors, HasSubstr("x is no number from hermes rejected list"));
}

TEST_F(RejectedTest, WhatIsNotThereIsCodeOneAndADatabaseOutOfReachCodeThree) {
  EXPECT_EQ(rejected({"show", "99"}).exit_code, 1);
  EXPECT_EQ(rejected({"retry", "99"}).exit_code, 1);
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"list"}, {"show", "1"}, {"retry", "--all"}, {"drop", "1", "--reason", "a test", "--yes"}}) {
    const Finished finished = rejected(arguments, {{"POSTGRES_PORT", "1"}});
    EXPECT_EQ(finished.exit_code, 3) << arguments[0];
    EXPECT_THAT(lines_of(finished.errors), ElementsAre(HasSubstr("127.0.0.1:1"))) << arguments[0];
  }
}

}  // namespace
}  // namespace hermes::tools
