// What tests of the command's tools share: a log of its own for every test, written by the command handler, and the command run
// as a user would run it. For tests with GoogleTest; a test that uses it says add_dependencies(its_target hermes).
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "eventstore/commands/command_handler.h"
#include "tests/support/log_fixture.h"

namespace hermes::test_support {

class ToolsFixture : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    server_->new_log();
    database_ = std::make_unique<Database>(server_->settings());
    connection_ = *postgres::connect(server_->settings("hermes_ingester"));
    handler_ = std::make_unique<eventstore::CommandHandler>(*connection_, eventstore::HandlerSettings{});
  }

  void handle(const std::vector<eventstore::Incoming>& incoming) {
    auto handled = handler_->handle(incoming);
    ASSERT_TRUE(handled) << handled.error().detail;
  }

  // Nothing of this machine's own settings.
  Environment environment() const {
    Environment environment = environment_for(server_->postgres());
    environment["POSTGRES_DB"] = server_->settings().database;
    environment["XDG_CONFIG_HOME"] = folder_.path();
    environment["HERMES_STATE_DIR"] = folder_.path();
    return environment;
  }

  Finished hermes(std::vector<std::string> arguments, Environment extra = {}) const {
    arguments.insert(arguments.begin(), hermes_command());
    extra.merge(environment());
    return run(arguments, extra);
  }

  static std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }

  inline static std::unique_ptr<LogServer> server_;
  TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
  postgres::ConnectionPtr connection_;
  std::unique_ptr<eventstore::CommandHandler> handler_;
};

}  // namespace hermes::test_support
