// The order and the number of what tail and timeline tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "eventstore/log/timeline.h"
#include "tests/support/tools_fixture.h"

namespace hermes::tools {
namespace {

using namespace test_support;
using domain::Status;
using testing::HasSubstr;
using testing::Not;

namespace json = boost::json;

class ToldInOrder : public ToolsFixture {
 protected:
  // Twenty messages, each in a batch of its own; what was recorded later has arrived before.
  void SetUp() override {
    ToolsFixture::SetUp();
    for (int i = 0; i < 20; ++i) {
      eventstore::Incoming one = incoming(message("m" + std::to_string(i)));
      one.raw.received_at = Timestamp(std::chrono::seconds(1'700'000'000 - i));
      handle({one});
    }
  }

  // One after another without repetition.
  static std::vector<std::string> streams_of(const std::string& lines) {
    std::vector<std::string> streams;
    for (const std::string& line : lines_of(lines)) {
      const std::string stream(json::parse(line).at("stream_id").as_string());
      if (streams.empty() || streams.back() != stream) streams.push_back(stream);
    }
    return streams;
  }
  static std::vector<std::string> last_recorded_first() {
    std::vector<std::string> streams;
    for (int i = 19; i >= 0; --i) streams.push_back("message/m" + std::to_string(i));
    return streams;
  }
};

TEST_F(ToldInOrder, TailsLastEventsFollowArrivalAcrossPartitions) {
  EXPECT_EQ(streams_of(hermes({"tail", "--limit", "40", "--json"}).output), last_recorded_first());
}

TEST_F(ToldInOrder, TailFromPositionsFollowsArrivalAcrossPartitions) {
  std::vector<std::string> arguments{"tail", "--json"};
  for (int partition = 0; partition < eventstore::kDefaultPartitionCount; ++partition) {
    arguments.push_back("--from");
    arguments.push_back(std::to_string(partition) + ":0");
  }
  EXPECT_EQ(streams_of(hermes(arguments).output), last_recorded_first());
}

// A client that repeats a bad message for ever: the newest attempts are told, and how many more there were.
TEST_F(ToldInOrder, TimelineTellsTheNewestAttemptsAndCountsTheRest) {
  const auto attempts = [&](std::size_t count) {
    std::vector<domain::Command> refused;
    for (std::size_t i = 0; i < count; ++i) refused.push_back(receipt("m1", Status::read, "mallory"));
    handle(batch(std::move(refused)));
  };
  const auto steps = [&] { return json::parse(hermes({"timeline", "m1", "--json"}).output).at("steps").as_array().size(); };
  attempts(eventstore::kTimelineAttemptsMax);
  EXPECT_EQ(steps(), 2 + eventstore::kTimelineAttemptsMax);
  EXPECT_THAT(hermes({"timeline", "m1"}).output, Not(HasSubstr("left out")));
  attempts(1);
  EXPECT_EQ(steps(), 2 + eventstore::kTimelineAttemptsMax);
  EXPECT_THAT(hermes({"timeline", "m1"}).output, HasSubstr("\n1 older rejected attempt is left out"));
}

}  // namespace
}  // namespace hermes::tools
