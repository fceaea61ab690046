// hermes timeline from outside: its output and exit codes are what a user sees.
#include "tests/support/eventually.h"
#include "tools/commands/test_tools.h"

namespace hermes::tools {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

namespace json = boost::json;

TEST_F(ToolsTest, TimelineTellsEachTransitionWithTimeActorAndPosition) {
  handle({message("m1")});
  handle({receipt("m1", Status::delivered)});
  handle({receipt("m1", Status::read)});
  const Finished finished = hermes({"timeline", "m1"});
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  const auto lines = lines_of(finished.output);
  ASSERT_EQ(lines.size(), 8u) << finished.output;
  EXPECT_THAT(lines[0], HasSubstr("m1 from fredy"));
  EXPECT_THAT(lines[1], HasSubstr("hello"));
  EXPECT_THAT(lines[4], MatchesRegex("20[^ ]+Z  20[^ ]+Z  sent +fredy +Sent +[0-9]+:0.*"));
  EXPECT_THAT(lines[5], MatchesRegex("20[^ ]+Z  20[^ ]+Z  received_by_server +server +Received +[0-9]+:1 +0 µs"));
  EXPECT_THAT(lines[6], MatchesRegex("20[^ ]+Z  20[^ ]+Z  delivered +david +Delivered +[0-9]+:2 +.+s"));
  EXPECT_THAT(lines[7], MatchesRegex("20[^ ]+Z  20[^ ]+Z  read +david +Read +[0-9]+:3 +.+s"));
}

TEST_F(ToolsTest, TimelineMeasuresABroadcastPerRecipient) {
  handle({message("m1", "fredy", "all"), receipt("m1", Status::delivered, "david"), receipt("m1", Status::delivered, "erin"),
          receipt("m1", Status::read, "david")});
  const json::value timeline = hermes_json({"timeline", "m1"});
  const json::array& steps = timeline.at("steps").as_array();
  ASSERT_EQ(steps.size(), 5u);
  EXPECT_EQ(steps[0].at("recipient_id"), nullptr);
  EXPECT_EQ(steps[3].at("recipient_id"), "erin");
  EXPECT_EQ(steps[3].at("state"), "Delivered");
  EXPECT_EQ(steps[4].at("recipient_id"), "david");
  EXPECT_EQ(steps[4].at("state"), "Read");
  EXPECT_TRUE(steps[4].at("since_previous_us").is_int64());
  EXPECT_EQ(timeline.at("message").at("receiver_id"), "all");
}

TEST_F(ToolsTest, TimelineTellsWhatWaitsAndWhatWasRefused) {
  handle({receipt("early", Status::read), message("m1")});
  handle({receipt("m1", Status::read, "mallory")});
  const json::value early = hermes_json({"timeline", "early"});
  EXPECT_EQ(early.at("message"), nullptr);
  EXPECT_EQ(early.at("steps").at(0).at("kind"), "parked");
  EXPECT_EQ(early.at("steps").at(0).at("what"), "read");
  const json::value refused = hermes_json({"timeline", "m1"});
  EXPECT_EQ(refused.at("steps").at(2).at("kind"), "rejected");
  EXPECT_EQ(refused.at("steps").at(2).at("what"), "not_a_recipient");
  EXPECT_EQ(refused.at("steps").at(2).at("actor_id"), "mallory");
}

TEST_F(ToolsTest, TimelineTellsWhenEachStepArrivedBesideWhenItWasRecorded) {
  handle({receipt("early", Status::read), message("m1")});
  handle({receipt("m1", Status::read, "mallory")});
  handle({receipt("m1", Status::read)});
  const json::value early = hermes_json({"timeline", "early"});
  const json::value story = hermes_json({"timeline", "m1"});
  ASSERT_EQ(story.at("steps").as_array().size(), 4u);
  std::vector<std::string> arrivals;
  for (const json::value& step : story.at("steps").as_array()) {
    EXPECT_NE(step.at("received_at"), step.at("at"));
    arrivals.emplace_back(step.at("received_at").as_string());
  }
  EXPECT_EQ(arrivals[0], arrivals[1]) << "one message, two events";
  EXPECT_LT(std::string(early.at("steps").at(0).at("received_at").as_string()), arrivals[0]);
  EXPECT_EQ(arrivals[0], database_->value("SELECT to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') "
                                          "FROM event_log WHERE version = 0"));
  EXPECT_EQ(story.at("steps").at(2).at("since_previous_us"), nullptr);
  EXPECT_EQ(story.at("steps").at(3).at("since_previous_us"), 2) << "by arrival: one refused receipt came between";
  EXPECT_THAT(hermes({"timeline", "m1"}).output, AllOf(HasSubstr("RECEIVED"), HasSubstr("RECORDED"), HasSubstr(arrivals[0])));
}

TEST_F(ToolsTest, TimelineOfAnUnknownMessageIsOneLineAndCodeOne) {
  const Finished finished = hermes({"timeline", "nothing"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_THAT(finished.output, IsEmpty());
  EXPECT_THAT(lines_of(finished.errors), ElementsAre(StartsWith("hermes: nothing is known of message nothing")));
}

TEST_F(ToolsTest, TimelineShowsThePast) {
  handle({message("m1")});
  handle({receipt("m1", Status::delivered)});
  handle({receipt("m1", Status::read)});
  const std::string delivered_at = database_->value(
      "SELECT to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM event_log WHERE version = 2");
  const std::string partition = database_->value("SELECT partition FROM event_log WHERE version = 0");
  EXPECT_EQ(hermes_json({"timeline", "m1", "--at", delivered_at}).at("steps").as_array().size(), 3u);  // inclusive
  EXPECT_EQ(hermes_json({"timeline", "m1", "--at", partition + ":1"}).at("steps").as_array().size(), 2u);
  EXPECT_EQ(hermes({"timeline", "m1", "--at", "2001-01-01T00:00Z"}).exit_code, 1);
  EXPECT_EQ(hermes({"timeline", "m1", "--at", partition + ":99"}).exit_code, 1);
  EXPECT_EQ(hermes({"timeline", "m1", "--at", "yesterday"}).exit_code, 2);
}

TEST_F(ToolsTest, TimelineWatchedPrintsEachStepAsItComes) {
  const auto output = folder_ / "watched";
  Process watching = Process::start({hermes_command(), "timeline", "m1", "--watch", "--json"},
                                    {.environment = environment(), .output = output});
  handle({message("m1")});
  EXPECT_TRUE(eventually([&] { return lines_of(watching.output()).size() == 2; })) << watching.output();
  handle({receipt("m1", Status::read)});
  EXPECT_TRUE(eventually([&] { return lines_of(watching.output()).size() == 3; })) << watching.output();
  EXPECT_EQ(json::parse(lines_of(watching.output()).at(2)).at("what"), "read");
}

TEST_F(ToolsTest, AHostileMessageCannotDriveTheTerminal) {
  handle({message("m1", "fredy", "david", "\x1b[2J\x1b]0;pwned\x07\xE2\x80\xAE")});
  handle({domain::SetTyping{*domain::UserId::parse("fredy"), "\x1b[31m", *domain::UserId::parse("david"), true}});
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"timeline", "m1"}, {"tail"}, {"timeline", "\x1b[2J"}, {"nonsense\x1b[2J"}}) {
    const Finished finished = hermes(command);
    EXPECT_THAT(finished.output, Not(HasSubstr("\x1b"))) << command[0];
    EXPECT_THAT(finished.output, Not(HasSubstr("\xE2\x80\xAE"))) << command[0];
    EXPECT_THAT(finished.errors, Not(HasSubstr("\x1b"))) << command[0];
  }
  EXPECT_THAT(hermes({"timeline", "m1"}).output, HasSubstr("\\x1b[2J\\x1b]0;pwned\\x07\\u202e"));
}

}  // namespace
}  // namespace hermes::tools
