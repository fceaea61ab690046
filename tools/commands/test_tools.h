// For the tests of the read-only tools: a log that is written by the command handler, and the command's answers as JSON.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/tools_fixture.h"

namespace hermes::tools {

class ToolsTest : public test_support::ToolsFixture {
 protected:
  void handle(std::vector<domain::Command> commands) { ToolsFixture::handle(test_support::batch(std::move(commands))); }
  void handle_incoming(const std::vector<eventstore::Incoming>& incoming) { ToolsFixture::handle(incoming); }

  boost::json::value hermes_json(std::vector<std::string> arguments) const {
    arguments.push_back("--json");
    const test_support::Finished finished = hermes(arguments);
    EXPECT_THAT(finished.errors, testing::IsEmpty());
    return boost::json::parse(finished.output);
  }
};

}  // namespace hermes::tools
