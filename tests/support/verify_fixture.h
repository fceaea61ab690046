// What tests of hermes verify share: a log with its read models, sound until a superuser with the triggers off changes them,
// and the command as it is called. For tests with GoogleTest; link hermes::test_read_models and Boost::json, and add a
// dependency on hermes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <string>
#include <vector>

#include "eventstore/log/event_reader.h"
#include "projections/read_models/projection.h"
#include "tests/support/log_fixture.h"
#include "tests/support/read_models.h"

namespace hermes::test_support {

class VerifyFixture : public testing::Test {
 protected:
  static constexpr int kPartitions = 2;

  static void SetUpTestSuite() { server_ = new LogServer; }
  static void TearDownTestSuite() { delete server_; }

  void SetUp() override {
    server_->new_log(kPartitions);
    auto connection = *postgres::connect(server_->settings("hermes_ingester"));
    eventstore::CommandHandler handler(*connection, {});
    std::vector<domain::Command> commands;
    for (int i = 0; i < 20; ++i) {
      const std::string id = "m" + std::to_string(i);
      commands.insert(commands.end(), {message(id, "fredy", i % 5 == 0 ? "all" : "david", "text of " + id),
                                       receipt(id, domain::Status::delivered), receipt(id, domain::Status::read)});
    }
    commands.push_back(typing("fredy", "david", true));
    ASSERT_TRUE(handler.handle(batch(std::move(commands))));
    fold();
    superuser_ = std::make_unique<Database>(superuser_settings());
    superuser_->execute(kGuardOff);
  }

  // The log's guard is off while a test changes rows, and back when it is verified, as somebody with something to hide has it.
  static constexpr const char* kGuardOff = "ALTER TABLE event_log DISABLE TRIGGER ALL";
  static constexpr const char* kGuardOn = "ALTER TABLE event_log ENABLE ALWAYS TRIGGER event_log_immutable";

  // The projector's work.
  static void fold() {
    auto connection = *postgres::connect(server_->settings());
    pqxx::work work(*connection);
    for (std::int16_t partition = 0; partition < kPartitions; ++partition) {
      const auto events = eventstore::read_partition(*connection, partition, 0, 10'000).events;
      for (const auto* projection : projections::all_projections()) {
        auto wanted = events;
        std::erase_if(wanted, [&](const auto& recorded) {
          const auto types = projection->event_types();
          return std::find(types.begin(), types.end(), domain::event_type(recorded.event)) == types.end();
        });
        projection->apply(wanted, {*connection, work, kPartitions});
        work.exec("INSERT INTO projection_checkpoints (projection, partition, next_offset) VALUES (" +
                  work.quote(std::string(projection->name())) + ", " + std::to_string(partition) + ", " +
                  std::to_string(events.size()) +
                  ") ON CONFLICT (projection, partition) DO UPDATE SET next_offset = " + std::to_string(events.size()));
      }
    }
    work.commit();
  }

  static Environment environment() {
    const auto settings = server_->settings();
    return {{"POSTGRES_HOST", settings.host},         {"POSTGRES_PORT", std::to_string(settings.ports.front())},
            {"POSTGRES_DB", settings.database},       {"POSTGRES_USER", settings.user},
            {"POSTGRES_PASSWORD", settings.password}, {"HOME", "/nonexistent"}};
  }

  static Finished verify(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {hermes_command(), "verify"});
    Database superuser(superuser_settings());
    superuser.execute(kGuardOn);
    const Finished finished = run(arguments, environment());
    superuser.execute(kGuardOff);
    return finished;
  }

  static postgres::Settings superuser_settings() {
    auto settings = server_->postgres().superuser();
    settings.database = server_->settings().database;
    return settings;
  }

  // "check where: problem" of each finding. Expects the exit code that goes with them.
  static std::vector<std::string> findings(std::vector<std::string> arguments = {}) {
    arguments.push_back("--json");
    const Finished finished = verify(std::move(arguments));
    std::vector<std::string> found;
    const auto output = boost::json::parse(finished.output).as_object();
    for (const auto& value : output.at("findings").as_array()) {
      const auto& finding = value.as_object();
      found.push_back(std::string(finding.at("check").as_string()) + " " + std::string(finding.at("where").as_string()) + ": " +
                      std::string(finding.at("problem").as_string()));
    }
    EXPECT_EQ(finished.exit_code, found.empty() ? 0 : 1) << finished.errors;
    EXPECT_EQ(output.at("ok").as_bool(), found.empty());
    return found;
  }

  static inline LogServer* server_ = nullptr;
  std::unique_ptr<Database> superuser_;
  TemporaryFolder folder_;
};

}  // namespace hermes::test_support
