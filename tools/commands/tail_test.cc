// hermes tail from outside: its output and exit codes are what a user sees.
#include "tests/support/eventually.h"
#include "tools/commands/test_tools.h"

namespace hermes::tools {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

namespace json = boost::json;

TEST_F(ToolsTest, TailShowsTheLastEvents) {
  for (int i = 0; i < 8; ++i) handle({message("m" + std::to_string(i))});
  const auto lines = lines_of(hermes({"tail"}).output);
  ASSERT_EQ(lines.size(), 11u);  // a header and ten
  EXPECT_THAT(lines.back(), AllOf(HasSubstr("MessageReceived"), HasSubstr("message/m7")));
  const auto two = lines_of(hermes({"tail", "--limit", "2", "--json"}).output);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(json::parse(two[0]).at("event_type"), "MessageSent");
  EXPECT_EQ(json::parse(two[0]).at("data").at("content"), "hello");
}

TEST_F(ToolsTest, TailStartsAtPositionsAndKeepsToTheirPartitions) {
  std::vector<domain::Command> many;
  for (int i = 0; i < 100; ++i) many.push_back(message("m" + std::to_string(i)));
  handle(std::move(many));
  const auto lines = lines_of(hermes({"tail", "--from", "3:2", "--from", "5:0", "--json"}).output);
  const auto expected =
      database_->value("SELECT count(*) FROM event_log WHERE (partition = 3 AND \"offset\" >= 2) OR partition = 5");
  EXPECT_EQ(std::to_string(lines.size()), expected);
  EXPECT_EQ(hermes({"tail", "--from", "99:0"}).exit_code, 2);
  EXPECT_EQ(hermes({"tail", "--from", "x"}).exit_code, 2);
  EXPECT_EQ(lines_of(hermes({"tail", "--from", "3:0", "--limit", "1", "--json"}).output).size(), 1u);
}

TEST_F(ToolsTest, TailFollowsTheLogAndOneStream) {
  handle({message("m1")});
  Process all = Process::start({hermes_command(), "tail", "--follow", "--json"},
                               {.environment = environment(), .output = folder_ / "all"});
  Process one = Process::start({hermes_command(), "tail", "--stream", "message/m1", "--follow", "--json"},
                               {.environment = environment(), .output = folder_ / "one"});
  EXPECT_TRUE(eventually([&] { return lines_of(all.output()).size() == 2 && lines_of(one.output()).size() == 2; }));
  handle({message("m2"), receipt("m1", Status::read)});
  EXPECT_TRUE(eventually([&] { return lines_of(all.output()).size() == 5; })) << all.output();
  EXPECT_TRUE(eventually([&] { return lines_of(one.output()).size() == 3; })) << one.output();
  EXPECT_EQ(hermes({"tail", "--stream", "message/nothing"}).exit_code, 1);
}

// Nothing is appended any more, so it never writes again.
TEST_F(ToolsTest, WhoFollowsEndsWhenNobodyReadsAnyMore) {
  handle({message("m-1"), message("m-2")});
  const Finished tail = run({"sh", "-c", hermes_command() + " tail --follow | head -n 1"}, environment());
  EXPECT_THAT(tail.output, StartsWith("POSITION"));
  const Finished watch = run({"sh", "-c", hermes_command() + " timeline m-1 --watch | head -n 1"}, environment());
  EXPECT_THAT(watch.output, HasSubstr("m-1"));
}

TEST_F(ToolsTest, TailStopsAtAnEventItCannotReadAndNamesIt) {
  handle({message("m1")});
  Database superuser([&] {
    postgres::Settings settings = server_->postgres().superuser();
    settings.database = server_->settings().database;
    return settings;
  }());
  superuser.execute(
      "ALTER TABLE event_log DISABLE TRIGGER USER; UPDATE event_log SET schema_version = 99 WHERE version = 1;"
      "ALTER TABLE event_log ENABLE ALWAYS TRIGGER event_log_immutable");
  const std::string position = database_->value("SELECT partition || ':' || \"offset\" FROM event_log WHERE version = 1");
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"tail"}, {"tail", "--from", position}}) {
    const Finished finished = hermes(command);
    EXPECT_EQ(finished.exit_code, 1);
    EXPECT_THAT(finished.errors,
                AllOf(HasSubstr("stopped at " + position), HasSubstr("message/m1"), HasSubstr("newer Hermes")));
  }
  const Finished timeline = hermes({"timeline", "m1"});
  EXPECT_EQ(timeline.exit_code, 1);
  EXPECT_THAT(timeline.output, HasSubstr("sent"));
  EXPECT_THAT(timeline.errors, HasSubstr(position));
}

}  // namespace
}  // namespace hermes::tools
