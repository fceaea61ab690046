#include "tools/cli/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace hermes::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class ConfigFileTest : public ::testing::Test {
 protected:
  ~ConfigFileTest() override { std::remove(path_.c_str()); }

  Result<ConfigEntries, ConfigError> read(const std::string& text) {
    std::ofstream(path_) << text;
    return read_config_file(path_);
  }

  std::string path_ = ::testing::TempDir() + "config_file_test." + std::to_string(getpid());
};

TEST_F(ConfigFileTest, ReadsTomlAndShellLines) {
  const auto entries = read(
      "# where the broker is\n"
      "MQTT_BROKER_HOST = \"127.0.0.1\"\n"
      "\n"
      "MQTT_TOPIC=chat/messages\n"
      "CHAT_USER_NAME='David B'\n"
      "POSTGRES_PORT = 5433\n");
  ASSERT_TRUE(entries) << entries.error().message;
  EXPECT_THAT(*entries, ElementsAre(Pair("MQTT_BROKER_HOST", "127.0.0.1"), Pair("MQTT_TOPIC", "chat/messages"),
                                    Pair("CHAT_USER_NAME", "David B"), Pair("POSTGRES_PORT", "5433")));
}

TEST_F(ConfigFileTest, KeepsPasswordsOfOddCharacters) {
  const auto entries = read("POSTGRES_PASSWORD = \"a=b#c;d,e [f] 'g'\"\nMQTT_PASSWORD='p a$s'\n");
  ASSERT_TRUE(entries) << entries.error().message;
  EXPECT_THAT(*entries, ElementsAre(Pair("POSTGRES_PASSWORD", "a=b#c;d,e [f] 'g'"), Pair("MQTT_PASSWORD", "p a$s")));
}

TEST_F(ConfigFileTest, TakesACommentBehindAValue) {
  const auto entries = read("MQTT_BROKER_HOST = \"a\"  # the old one\nPOSTGRES_PORT = 5433 # ours\n");
  ASSERT_TRUE(entries) << entries.error().message;
  EXPECT_THAT(*entries, ElementsAre(Pair("MQTT_BROKER_HOST", "a"), Pair("POSTGRES_PORT", "5433")));
}

TEST_F(ConfigFileTest, RefusesSections) {
  const auto entries = read("[mqtt]\nhost = \"a\"\n");
  ASSERT_FALSE(entries);
  EXPECT_THAT(entries.error().message, HasSubstr("section"));
}

TEST_F(ConfigFileTest, RefusesAnythingElseWithItsLine) {
  for (const char* line : {"what is this", "A = \"open", "A = two words", "A B = c", "= c", "A = 'x' y"}) {
    const auto entries = read("MQTT_BROKER_HOST = \"a\"\n" + std::string(line) + "\n");
    ASSERT_FALSE(entries) << line;
    EXPECT_THAT(entries.error().message, HasSubstr(":2: ")) << line;
  }
}

TEST(ConfigFiles, TheFlagMayStandAnywhereBeforeTheSeparator) {
  using Words = std::vector<std::string>;
  EXPECT_THAT(config_files(Words{"status", "--config", "a"}), ElementsAre("a"));
  EXPECT_THAT(config_files(Words{"--config=b", "status"}), ElementsAre("b"));
}

TEST(ConfigFiles, WhatRunsFromTheStateFolderComesFirst) {
  const std::string folder = ::testing::TempDir() + "config_files_test." + std::to_string(getpid());
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/env") << "MQTT_BROKER_PORT='1884'\n";
  unsetenv("HERMES_CONFIG");
  setenv("HERMES_STATE_DIR", folder.c_str(), 1);
  const auto files = config_files({});
  unsetenv("HERMES_STATE_DIR");
  std::filesystem::remove_all(folder);
  ASSERT_FALSE(files.empty());
  EXPECT_EQ(files.front(), folder + "/env");
}

}  // namespace
}  // namespace hermes::tools
