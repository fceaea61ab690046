// hermes rejected retry beside a running ingester, on a message that this one rejected.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"
#include "tests/support/log_fixture.h"

namespace hermes::tools {
namespace {

using namespace test_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

// What a retry makes of the bytes is what the ingester would have made of them, had nothing been in the way.
TEST(RejectedByAnIngester, IsRetriedTheWayOfAnyMessage) {
  IngestStack stack;
  auto ingester = stack.ready_ingester("one", {"--parking-window-s", "1"});
  Environment environment = environment_for(stack.postgres());
  environment["POSTGRES_DB"] = stack.database().value("SELECT current_database()");
  const auto rejected = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {hermes_command(), "rejected"});
    return run(arguments, environment);
  };
  const auto log_of = [&](const std::string& id) {
    return stack.database().column(
        "SELECT version || ' ' || event_type || ' ' || schema_version || ' ' || coalesce(occurred_at::text, '-') || ' ' || "
        "replace(encode(payload, 'escape'), '" +
        id + "', 'ID') FROM event_log WHERE stream_id = 'message/" + id + "' ORDER BY version");
  };
  const std::string early = IngestStack::status("m1", "read", "david");
  stack.publish("fredy", early);
  ASSERT_TRUE(eventually([&] { return stack.database().value("SELECT reason FROM rejected_events") == "parked_too_long"; }));
  EXPECT_THAT(rejected({"list"}).output, AllOf(HasSubstr("parked_too_long"), HasSubstr("m1"), HasSubstr("david")));
  EXPECT_EQ(rejected({"show", "1", "--raw"}).output, early);

  stack.publish("david", IngestStack::message("m1"));
  stack.publish("david", IngestStack::message("m2"));
  stack.publish("fredy", IngestStack::status("m2", "read", "david"));
  ASSERT_TRUE(eventually([&] { return log_of("m1").size() == 2 && log_of("m2").size() == 3; }));
  const Finished retried = rejected({"retry", "1", "--by", "anna"});
  EXPECT_EQ(retried.exit_code, 0) << retried.output << retried.errors;
  EXPECT_EQ(log_of("m1"), log_of("m2"));
  stack.publish("fredy", early);  // the running ingester knows it as any other
  EXPECT_TRUE(eventually([&] { return IngestStack::metric(ingester, "hermes_ingest_duplicate_messages_total") == 1; }));
  EXPECT_EQ(stack.database().value("SELECT resolution || ' by ' || resolved_by FROM rejected_events"), "retried by anna");
  EXPECT_THAT(faults_of_log(stack.database()), IsEmpty());
}

}  // namespace
}  // namespace hermes::tools
