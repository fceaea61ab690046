#include "adapters/ingest/reach_database.h"

#include <gmock/gmock.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <future>
#include <mutex>

#include "tests/support/database.h"
#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"

namespace hermes::ingest {
namespace {

using namespace test_support;
using testing::HasSubstr;

// Tells a test that an attempt has failed.
class CountingSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::atomic<int> lines = 0;

 private:
  void sink_it_(const spdlog::details::log_msg&) override { ++lines; }
  void flush_() override {}
};

class ReachDatabase : public testing::Test {
 protected:
  void SetUp() override {
    log_before_ = spdlog::default_logger();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("", said_));
  }
  void TearDown() override { spdlog::set_default_logger(log_before_); }

  auto reach_in_background(const postgres::Settings& settings) {
    return std::async(std::launch::async, [this, settings] { return reach_database(settings, stop_); });
  }
  bool eventually_tried() {
    return eventually([&] { return said_->lines > 0; });
  }

  StopSignal stop_;
  std::shared_ptr<CountingSink> said_ = std::make_shared<CountingSink>();
  std::shared_ptr<spdlog::logger> log_before_;
};

TEST_F(ReachDatabase, WaitsForOneThatIsAwayAndReadsItsPartitionCount) {
  LogServer server;
  server.new_log(3);
  server.postgres().stop();
  auto reached = reach_in_background(server.settings("hermes_ingester"));
  ASSERT_TRUE(eventually_tried());
  server.postgres().start();
  const auto partitions = reached.get();
  ASSERT_TRUE(partitions) << partitions.error().message;
  EXPECT_EQ(*partitions, 3);
}

TEST_F(ReachDatabase, GivesUpOneThatIsNotMigrated) {
  const PrivatePostgres postgres;
  const auto partitions = reach_database(postgres.settings(), stop_);
  ASSERT_FALSE(partitions);
  EXPECT_THAT(partitions.error().message, HasSubstr("hermes migrate"));
}

TEST_F(ReachDatabase, EndsWhenItIsToldToStop) {
  postgres::Settings nobody_there;
  nobody_there.host = "127.0.0.1";
  nobody_there.ports = {free_port()};
  auto reached = reach_in_background(nobody_there);
  ASSERT_TRUE(eventually_tried());
  stop_.request();
  const auto partitions = reached.get();
  ASSERT_TRUE(partitions) << partitions.error().message;
  EXPECT_EQ(*partitions, std::nullopt);
}

}  // namespace
}  // namespace hermes::ingest
