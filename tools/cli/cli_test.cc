#include "tools/cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "eventstore/postgres/connection.h"
#include "tools/cli/options.h"

namespace hermes::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What the two commands below were given.
Settings seen;

void add_look(const Command& root, Cli& cli) {
  const Command app = root.subcommand("look", "Looks.", {"hermes look"});
  add_postgres_options(app, cli.settings);
  add_mqtt_options(app, cli.settings);
  add_json_flag(app, cli.settings);
  app.runs(cli, [&cli] {
    seen = cli.settings;
    return kDone;
  });
}

// Declares the same options: its environment must not reach the settings of `look`.
void add_other(const Command& root, Cli& cli) {
  const Command app = root.subcommand("other", "Fails.", {"hermes other not-found", "hermes other throw"});
  add_postgres_options(app, cli.settings);
  auto how = std::make_shared<std::string>();
  app.option("how", *how, "How to fail").required();
  app.runs(cli, [how]() -> ExitCode {
    if (*how == "not-found") return kFoundProblem;
    if (*how == "unreachable") throw CommandError(kUnreachable, "cannot reach the moon");
    throw std::runtime_error("two\nlines");
  });
}

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome hermes(std::vector<std::string> arguments) {
  static constexpr AddCommand* commands[] = {add_look, add_other};
  std::vector<const char*> argv = {"hermes"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  seen = {};
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int code = run(static_cast<int>(argv.size()), argv.data(), commands);
  return {code, ::testing::internal::GetCapturedStdout(), ::testing::internal::GetCapturedStderr()};
}

class CliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "cli_test." + std::to_string(getpid());
    std::system(("mkdir -p " + folder_).c_str());
    for (const char* name :
         {"HERMES_CONFIG", "HERMES_STATE_DIR", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE",
          "MQTT_PASSWORD", "MQTT_PASSWORD_FILE", "MQTT_BROKER_HOST", "MQTT_USERNAME"}) {
      unsetenv(name);
    }
    setenv("XDG_CONFIG_HOME", folder_.c_str(), 1);
  }
  void TearDown() override { std::system(("rm -rf " + folder_).c_str()); }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  std::string folder_;
};

TEST_F(CliTest, AFlagBeatsTheEnvironmentWhichBeatsTheConfigFile) {
  const std::string config = write("c.toml", "POSTGRES_HOST = \"file\"\nPOSTGRES_PORT = 1\nMQTT_BROKER_HOST = \"file\"\n");
  setenv("POSTGRES_HOST", "environment", 1);
  setenv("POSTGRES_PORT", "2", 1);
  EXPECT_EQ(hermes({"look", "--postgres-port", "3", "--config", config}).code, kDone);
  EXPECT_EQ(postgres::address_of(seen.postgres), "environment:3");
  EXPECT_EQ(seen.mqtt_host, "file");
}

TEST_F(CliTest, TheDatabaseMayHaveStandbys) {
  setenv("POSTGRES_HOST", "one,two", 1);
  setenv("POSTGRES_PORT", "5432,5433", 1);
  EXPECT_EQ(hermes({"look"}).code, kDone);
  EXPECT_EQ(postgres::address_of(seen.postgres), "one:5432,two:5433");
  setenv("POSTGRES_PORT", "5434", 1);
  EXPECT_EQ(hermes({"look"}).code, kDone);
  EXPECT_EQ(postgres::address_of(seen.postgres), "one:5434,two:5434");
}

TEST_F(CliTest, TheConfigFileMayBeNamedByTheEnvironmentOrStandInItsPlace) {
  setenv("HERMES_CONFIG", write("named.toml", "POSTGRES_HOST = \"named\"\n").c_str(), 1);
  EXPECT_EQ(hermes({"look"}).code, kDone);
  EXPECT_EQ(seen.postgres.host, "named");

  unsetenv("HERMES_CONFIG");
  unsetenv("POSTGRES_HOST");
  std::system(("mkdir -p " + folder_ + "/hermes").c_str());
  write("hermes/hermes.conf", "POSTGRES_HOST = \"in-place\"\n");
  EXPECT_EQ(hermes({"look"}).code, kDone);
  EXPECT_EQ(seen.postgres.host, "in-place");

  unsetenv("POSTGRES_HOST");
  write("hermes/config.toml", "POSTGRES_HOST = \"former-name\"\nPOSTGRES_PORT = 1\n");
  EXPECT_EQ(hermes({"look"}).code, kDone);
  EXPECT_EQ(postgres::address_of(seen.postgres), "in-place:1");
}

TEST_F(CliTest, AConfigFileThatIsNotThereIsWrongUsage) {
  const Outcome outcome = hermes({"look", "--config", folder_ + "/nothing"});
  EXPECT_EQ(outcome.code, kUsage);
  EXPECT_EQ(outcome.err, "hermes: cannot read the config file " + folder_ + "/nothing\n");
}

TEST_F(CliTest, AMistypedSettingInTheConfigFileIsNamed) {
  const Outcome outcome = hermes({"look", "--config", write("c.toml", "MQTT_BROKER_HOTS = \"x\"\n")});
  EXPECT_EQ(outcome.code, kDone);
  EXPECT_THAT(outcome.err, HasSubstr("there is no setting MQTT_BROKER_HOTS; did you mean MQTT_BROKER_HOST?"));
}

TEST_F(CliTest, PasswordsComeFromTheEnvironmentOrAFile) {
  setenv("POSTGRES_PASSWORD", "from environment", 1);
  setenv("MQTT_PASSWORD_FILE", write("password", "from file\n").c_str(), 1);
  EXPECT_EQ(hermes({"look"}).code, kDone);
  EXPECT_EQ(seen.postgres.password, "from environment");
  EXPECT_EQ(seen.mqtt_password, "from file");
}

TEST_F(CliTest, APasswordFileThatIsNotThereIsNamed) {
  setenv("POSTGRES_PASSWORD_FILE", "/nowhere/password", 1);
  const Outcome outcome = hermes({"look"});
  EXPECT_EQ(outcome.code, kUsage);
  EXPECT_THAT(outcome.err, HasSubstr("/nowhere/password"));
}

TEST_F(CliTest, APasswordIsNotAFlag) { EXPECT_EQ(hermes({"look", "--postgres-password", "x"}).code, kUsage); }

TEST_F(CliTest, WrongUsageIsOneLineAndCodeTwo) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{{"look", "--no-such-flag"},
                                                                                         {"look", "--postgres-port", "high"},
                                                                                         {"look", "--postgres-port", "70000"},
                                                                                         {"look", "--postgres-port", "1,high"},
                                                                                         {"other"}}) {
    const Outcome outcome = hermes(arguments);
    EXPECT_EQ(outcome.code, kUsage) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("See: hermes " + arguments.front() + " --help"));
  }
}

TEST_F(CliTest, AMistypedSubcommandSaysWhatWasMeant) {
  const Outcome outcome = hermes({"lock"});
  EXPECT_EQ(outcome.code, kUsage);
  EXPECT_EQ(outcome.err, "hermes: there is no subcommand lock; did you mean look? See: hermes --help\n");
}

TEST_F(CliTest, FailuresAreOneLineAndTheirCode) {
  EXPECT_EQ(hermes({"other", "not-found"}).code, kFoundProblem);
  const Outcome unreachable = hermes({"other", "unreachable"});
  EXPECT_EQ(unreachable.code, kUnreachable);
  EXPECT_EQ(unreachable.err, "hermes: cannot reach the moon\n");
  const Outcome thrown = hermes({"other", "throw"});
  EXPECT_EQ(thrown.code, kFoundProblem);
  EXPECT_EQ(thrown.err, "hermes: two\\nlines\n");
}

TEST_F(CliTest, AloneItPrintsHelp) {
  const Outcome outcome = hermes({});
  EXPECT_EQ(outcome.code, kDone);
  EXPECT_THAT(outcome.out, HasSubstr("look"));
  EXPECT_THAT(outcome.err, IsEmpty());
}

TEST_F(CliTest, HelpEndsWithAnExample) {
  const Outcome outcome = hermes({"other", "--help"});
  EXPECT_EQ(outcome.code, kDone);
  EXPECT_THAT(outcome.out, HasSubstr("Examples:\n  hermes other not-found\n  hermes other throw"));
}

TEST_F(CliTest, PrintsItsVersion) {
  const Outcome outcome = hermes({"--version"});
  EXPECT_EQ(outcome.code, kDone);
  EXPECT_THAT(outcome.out, ::testing::MatchesRegex("hermes [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(CliTest, AnUnknownOptionIsNamedBeforeWhatIsMissing) {
  const Outcome outcome = hermes({"other", "--postgres-hots=x"});
  EXPECT_EQ(outcome.code, kUsage);
  EXPECT_THAT(outcome.err,
              HasSubstr("there is no option --postgres-hots; did you mean --postgres-host? See: hermes other --help"));
  EXPECT_THAT(hermes({"other", "--nope"}).err, HasSubstr("there is no option --nope. See:"));
  EXPECT_THAT(hermes({"other"}).err, HasSubstr("required"));
}

TEST_F(CliTest, ASettingThatCannotNameWhatItIsForIsWrongUsage) {
  for (const std::vector<std::string>& setting :
       std::vector<std::vector<std::string>>{{"--mqtt-host", "broker:1883"},
                                             {"--mqtt-port", "0"},
                                             {"--mqtt-username", "a\nb"},
                                             {"--postgres-host", "one,,two"},
                                             {"--postgres-port", "5432,0"},
                                             {"--postgres-db", ""},
                                             {"--postgres-user", std::string(64, 'x')}}) {
    const Outcome outcome = hermes({"look", setting[0], setting[1]});
    EXPECT_EQ(outcome.code, kUsage) << setting[0];
    EXPECT_THAT(outcome.err, HasSubstr(setting[0]));
  }
}

TEST_F(CliTest, AFilterIsNoRootOfTopics) {
  for (const char* topic : {"a/#", "+/b", "#", "", "chat/messages/", "/chat", "$share/g/chat"})
    EXPECT_EQ(hermes({"look", "--mqtt-topic", topic}).code, kUsage) << topic;
  setenv("MQTT_TOPIC", "a/#", 1);
  const Outcome outcome = hermes({"look"});
  unsetenv("MQTT_TOPIC");
  EXPECT_EQ(outcome.code, kUsage);
  EXPECT_THAT(outcome.err, HasSubstr("MQTT_TOPIC 'a/#' is a filter"));
}

}  // namespace
}  // namespace hermes::tools
