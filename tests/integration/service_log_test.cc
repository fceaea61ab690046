// What the ingester tells an operator: in its log and by /readyz.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"

namespace hermes::test_support {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ServiceLog, SaysThatTheDatabaseIsBackAlsoWhereNoMessageComes) {
  PrivatePostgres postgres;
  const PrivateMosquitto broker;
  const TemporaryFolder folder;
  Environment environment = environment_for(postgres, broker);
  ASSERT_EQ(run({hermes_command(), "migrate"}, environment).exit_code, 0);
  const std::uint16_t http_port = free_port();
  environment["HERMES_SPOOL_DIR"] = folder / "spool";
  environment["HERMES_STATE_DIR"] = folder.path();
  environment["HERMES_HTTP_PORT"] = std::to_string(http_port);
  environment["HERMES_PARKING_WINDOW_S"] = "1";  // as often it asks the database something of its own accord
  IngestStack::Ingester ingester{
      Process::start({hermes_command(), "ingest"}, {.environment = environment, .output = folder / "log"}), http_port, "idle",
      folder / "spool"};
  ASSERT_TRUE(eventually([&] { return IngestStack::ready(ingester); })) << ingester.log();
  postgres.stop(PrivatePostgres::Stop::immediate);
  EXPECT_TRUE(eventually([&] { return !IngestStack::ready(ingester); })) << ingester.log();
  EXPECT_THAT(ingester.log(), Not(HasSubstr("takes batches again")));
  postgres.start();
  EXPECT_TRUE(eventually([&] { return IngestStack::ready(ingester); })) << ingester.log();
  EXPECT_THAT(ingester.log(), HasSubstr("the database takes batches again"));
}

}  // namespace
}  // namespace hermes::test_support
