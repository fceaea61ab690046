// Statements over several connections: which may run at the same time, which wait, and what a failure does to the others.
#include "projections/rebuild/parallel_statements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "projections/rebuild/builder_connections.h"
#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"

namespace hermes::projections {
namespace {

using namespace test_support;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

class ParallelStatementsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  void SetUp() override {
    server->new_log();
    database = std::make_unique<Database>(server->settings());
    database->execute("CREATE TABLE steps (step text); CREATE TABLE gate ()");
    for (int i = 0; i < 2; ++i) connections.push_back(connect_builder(server->settings(), ""));
  }

  static std::string note(const std::string& step) { return "INSERT INTO steps VALUES ('" + step + "')"; }
  std::vector<std::string> steps() { return database->column("SELECT step FROM steps"); }

  std::unique_ptr<Database> database;
  std::vector<postgres::ConnectionPtr> connections;
  std::atomic<std::uint64_t> done = 0;
};
std::unique_ptr<LogServer> ParallelStatementsTest::server;

TEST_F(ParallelStatementsTest, WhatWaitsForTheFirstLeavesRoomForTheOthers) {
  const ParallelStatements statements{
      .first = {"LOCK TABLE gate; " + note("first")}, .after_first = {note("after")}, .any_time = {note("any")}};
  std::optional<OpenTransaction> gate(std::in_place, server->settings(), "LOCK TABLE gate");
  std::thread running([&] { run_in_parallel(statements, connections, done); });
  EXPECT_TRUE(eventually([&] { return steps() == std::vector<std::string>{"any"}; }));
  // The other connection has nothing left but to wait.
  EXPECT_TRUE(eventually([&] {
    return database->value(
               "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hermes rebuild' AND state = 'idle'") == "1";
  }));
  EXPECT_THAT(steps(), ElementsAre("any"));
  gate.reset();
  running.join();
  EXPECT_THAT(steps(), UnorderedElementsAre("any", "first", "after"));
  EXPECT_EQ(done, statements.size());
}

TEST_F(ParallelStatementsTest, AFailureEndsThoseThatWaitToo) {
  const ParallelStatements statements{.first = {"SELECT 1 / 0"}, .after_first = {note("after")}, .any_time = {note("any")}};
  EXPECT_THROW(run_in_parallel(statements, connections, done), pqxx::sql_error);
  EXPECT_THAT(steps(), testing::Not(testing::Contains("after")));
}

}  // namespace
}  // namespace hermes::projections
