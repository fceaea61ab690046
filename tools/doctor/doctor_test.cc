// hermes doctor from outside: a healthy stack passes, and its own line names each of many failures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/database.h"
#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"

namespace hermes::tools {
namespace {

using namespace test_support;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

namespace json = boost::json;

struct Report {
  int exit_code;
  std::string output;
  std::string errors;

  // "FAIL  durability      fsync, ...": the line of that check.
  std::string line(const std::string& check) const {
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
      if (line.size() > 6 && line.substr(6).starts_with(check + " ")) return line;
    }
    return "no line for " + check + " in:\n" + output + errors;
  }
};

class Doctor : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres_ = new PrivatePostgres({.fsync = true, .settings = {"min_wal_size=1GB", "max_wal_size=2GB"}});
    broker_ = new PrivateMosquitto;
    const Finished migrated = run({hermes_command(), "migrate"}, environment_for(*postgres_));
    ASSERT_EQ(migrated.exit_code, 0) << migrated.errors;
  }
  static void TearDownTestSuite() {
    delete broker_;
    delete postgres_;
  }

  // Nothing of this machine's own settings or ports.
  Environment environment() const {
    Environment environment = environment_for(*postgres_, *broker_);
    environment["XDG_CONFIG_HOME"] = folder_.path().string();
    environment["HERMES_STATE_DIR"] = folder_.path().string();
    environment["HERMES_CONFIG"] = "";  // the settings file of that folder is found without it
    environment["HERMES_SPOOL_DIR"] = folder_ / "spool";
    environment["HERMES_INGESTER_PORT"] = std::to_string(ports_[0]);
    environment["HERMES_PROJECTOR_PORT"] = std::to_string(ports_[1]);
    environment["HERMES_QUERY_PORT"] = std::to_string(ports_[2]);
    return environment;
  }

  Report doctor(Environment extra = {}, const std::vector<std::string>& flags = {}) const {
    extra.merge(environment());
    std::vector<std::string> command = {hermes_command(), "doctor"};
    command.insert(command.end(), flags.begin(), flags.end());
    Finished finished = run(command, extra);
    return {finished.exit_code, std::move(finished.output), std::move(finished.errors)};
  }

  Process start(const std::string& subcommand, std::uint16_t port) const {
    Environment environment = this->environment();
    environment["HERMES_HTTP_PORT"] = std::to_string(port);
    return Process::start({hermes_command(), subcommand},
                          {.environment = environment, .folder = folder_.path(), .output = folder_ / (subcommand + ".log")});
  }

  static PrivatePostgres* postgres_;
  static PrivateMosquitto* broker_;
  TemporaryFolder folder_;
  const std::vector<std::uint16_t> ports_ = {free_port(), free_port(), free_port()};
};
PrivatePostgres* Doctor::postgres_ = nullptr;
PrivateMosquitto* Doctor::broker_ = nullptr;

TEST_F(Doctor, NamesADatabaseThatTakesNoWrites) {
  EXPECT_THAT(doctor().line("writes"), StartsWith("ok"));
  Database superuser(postgres_->superuser());
  const std::string database = "ALTER DATABASE " + postgres_->settings().database;
  superuser.execute(database + " SET default_transaction_read_only = on");
  const Report read_only = doctor();
  EXPECT_THAT(read_only.line("writes"),
              AllOf(StartsWith("FAIL"), HasSubstr("default_transaction_read_only"), HasSubstr("RESET")));
  EXPECT_EQ(read_only.exit_code, 1);
  superuser.execute("SET default_transaction_read_only = off");
  superuser.execute(database + " RESET default_transaction_read_only");

  const auto standby = PrivatePostgres::standby_of(*postgres_, "doctor");
  EXPECT_THAT(doctor({{"POSTGRES_PORT", std::to_string(standby->port())}}).line("writes"),
              AllOf(StartsWith("FAIL"), HasSubstr("standby")));
}

TEST_F(Doctor, FindsAllWellOnAHealthyStack) {
  // The settings in a file as run_chat.sh writes it, with the cluster beside it.
  const auto settings_file = folder_ / "env";
  std::ofstream(settings_file) << "POSTGRES_PASSWORD='" << postgres_->settings().password << "'\n";
  chmod(settings_file.c_str(), 0600);
  std::filesystem::create_directory(folder_ / "postgres");

  Database(postgres_->settings()).execute("DELETE FROM service_heartbeats");
  Process ingester = start("ingest", ports_[0]);
  Process projector = start("project", ports_[1]);
  Process query = start("serve", ports_[2]);
  Report report;
  const auto all_well = [&] {
    report = doctor();
    return report.exit_code == 0 &&
           report.line("services").find("1 ingester, 1 projector, 1 query service") != std::string::npos &&
           report.line("query port").find("answers") != std::string::npos &&
           report.line("projector port").find("answers") != std::string::npos;
  };
  ASSERT_TRUE(eventually(all_well)) << report.output << report.errors;
  EXPECT_THAT(report.errors, testing::IsEmpty());
  EXPECT_THAT(report.output, Not(HasSubstr("FAIL")));
  // Of the disks of the machine that runs this test nothing is known.
  for (const char* check : {"broker",       "in flight",     "packet size",     "QoS",        "features", "session",
                            "subscription", "round trip",    "former sessions", "database",   "encoding", "collation",
                            "durability",   "wal",           "writes",          "clock",      "roles",    "migrations",
                            "partitions",   "sequences",     "foreign keys",    "log guards", "services", "projections",
                            "spool",        "ingester port", "projector port",  "query port", "secrets"}) {
    EXPECT_THAT(report.line(check), StartsWith("ok ")) << check;
  }
  EXPECT_THAT(report.line("data disk"), HasSubstr((folder_ / "postgres").string()));
  EXPECT_THAT(report.line("secrets"), HasSubstr("not readable by others"));

  const json::value as_json = json::parse(doctor({}, {"--json"}).output);
  EXPECT_EQ(as_json.at("ok"), true);
  EXPECT_EQ(as_json.at("checks").at(0).at("check"), "broker");
  EXPECT_EQ(as_json.at("checks").at(0).at("level"), "ok");
}

TEST_F(Doctor, HarmsNothing) {
  Process ingester = start("ingest", ports_[0]);
  ASSERT_TRUE(eventually([&] { return doctor().line("ingester port").find("answers and is well") != std::string::npos; }))
      << ingester.output();
  // Its round trips have passed the ingester by now, or will with this message, which came after them.
  const Finished sent = run({"mosquitto_pub", "-h", "127.0.0.1", "-p", std::to_string(broker_->port()), "-q", "1", "-t",
                             "chat/messages/david", "-m", IngestStack::message("after-the-doctor")});
  ASSERT_EQ(sent.exit_code, 0) << sent.errors;
  Database database(postgres_->settings());
  ASSERT_TRUE(eventually([&] { return database.value("SELECT count(*) FROM event_log") == "2"; }));
  EXPECT_EQ(database.value("SELECT (SELECT count(*) FROM rejected_events) + (SELECT count(*) FROM parked_events)"), "0");
  const std::string metrics = run({"curl", "--silent", "http://127.0.0.1:" + std::to_string(ports_[0]) + "/metrics"}).output;
  EXPECT_THAT(metrics, HasSubstr("hermes_ingest_echoes_ignored_total"));
}

TEST_F(Doctor, NamesABrokerOutOfReach) {
  const Report report = doctor({{"MQTT_BROKER_PORT", "1"}});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.line("broker"), AllOf(StartsWith("FAIL"), HasSubstr("127.0.0.1:1"), HasSubstr("MQTT_BROKER_HOST")));
  EXPECT_THAT(report.line("round trip"), StartsWith("-"));
  EXPECT_THAT(report.line("database"), StartsWith("ok"));
}

TEST_F(Doctor, NamesADatabaseOutOfReach) {
  const Report report = doctor({{"POSTGRES_PORT", "1"}});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.line("database"), AllOf(StartsWith("FAIL"), HasSubstr("127.0.0.1:1")));
  EXPECT_THAT(report.line("migrations"), StartsWith("-"));
  EXPECT_THAT(report.line("broker"), StartsWith("ok"));
  EXPECT_THAT(doctor({{"POSTGRES_PASSWORD", "wrong"}}).line("database"),
              AllOf(StartsWith("FAIL"), HasSubstr("POSTGRES_PASSWORD")));
}

TEST_F(Doctor, NamesAnUnmigratedDatabaseAndMissingRoles) {
  const PrivatePostgres fresh;
  const Report report = doctor(environment_for(fresh));
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.line("roles"), AllOf(StartsWith("FAIL"), HasSubstr("hermes_ingester"), HasSubstr("hermes migrate")));
  EXPECT_THAT(report.line("migrations"), AllOf(StartsWith("FAIL"), HasSubstr("hermes migrate")));
  EXPECT_THAT(report.line("partitions"), StartsWith("-"));
  // The same cluster, made for tests, waits for no disk.
  EXPECT_THAT(report.line("durability"), AllOf(StartsWith("FAIL"), HasSubstr("fsync, full_page_writes off")));
}

TEST_F(Doctor, DoesNotAdviseToMigrateADatabaseThatIsNewer) {
  Database owner(postgres_->settings());
  owner.execute("INSERT INTO hermes_schema_migrations (number, name, checksum) VALUES (9000, 'of_tomorrow', '')");
  const Report report = doctor();
  owner.execute("DELETE FROM hermes_schema_migrations WHERE number = 9000");
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.line("migrations"),
              AllOf(StartsWith("FAIL"), HasSubstr("Install the version of Hermes"), Not(HasSubstr("migrate"))));
}

// As logical replication leaves them.
TEST_F(Doctor, NamesASequenceThatIsBehindAndTheCure) {
  Database owner(postgres_->settings());
  owner.execute(
      "INSERT INTO rejected_events (id, received_at, topic, payload, reason, detail, sequence) OVERRIDING SYSTEM VALUE "
      "VALUES (1000, now(), 't', '', 'malformed_json', '', 0)");
  const Report behind = doctor();
  EXPECT_EQ(behind.exit_code, 1);
  EXPECT_THAT(behind.line("sequences"),
              AllOf(StartsWith("FAIL"), HasSubstr("rejected_events"), HasSubstr("SELECT hermes_mend_sequences()")));
  owner.execute("SELECT hermes_mend_sequences()");
  EXPECT_THAT(doctor().line("sequences"), StartsWith("ok"));
  owner.execute("DELETE FROM rejected_events WHERE id = 1000");
}

TEST_F(Doctor, NamesARoleThatCannotBeTaken) {
  Database superuser(postgres_->superuser());
  superuser.execute("CREATE ROLE stranger LOGIN PASSWORD 'private'");
  const Report report = doctor({{"POSTGRES_USER", "stranger"}});
  superuser.execute("DROP ROLE stranger");
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.line("roles"),
              AllOf(StartsWith("FAIL"), HasSubstr("GRANT hermes_ingester, hermes_projector, hermes_reader TO \"stranger\"")));
  EXPECT_THAT(report.line("migrations"), AllOf(StartsWith("FAIL"), HasSubstr("permission denied"), HasSubstr("Do: ")));
}

TEST_F(Doctor, NamesADatabaseThatIsNotUtf8) {
  Database(postgres_->superuser())
      .execute("CREATE DATABASE ascii OWNER dbowner ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  const Environment ascii{{"POSTGRES_DB", "ascii"}};
  EXPECT_THAT(doctor(ascii).line("encoding"), AllOf(StartsWith("FAIL"), HasSubstr("SQL_ASCII"), HasSubstr("ENCODING 'UTF8'")));
  Environment environment = this->environment();
  environment["POSTGRES_DB"] = "ascii";
  const Finished migrated = run({hermes_command(), "migrate"}, environment);
  EXPECT_EQ(migrated.exit_code, 1);
  EXPECT_THAT(migrated.errors, AllOf(HasSubstr("encoded in SQL_ASCII"), HasSubstr("ENCODING 'UTF8'")));
}

TEST_F(Doctor, NamesACollationOfAnotherVersionThanTheLibrarys) {
  Database superuser(postgres_->superuser());
  superuser.execute(
      "CREATE DATABASE sorted OWNER dbowner ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en' TEMPLATE template0");
  const Environment sorted{{"POSTGRES_DB", "sorted"}};
  EXPECT_THAT(doctor(sorted).line("collation"), StartsWith("ok"));
  superuser.execute("UPDATE pg_database SET datcollversion = '1.2' WHERE datname = 'sorted'");
  const std::string line = doctor(sorted).line("collation");
  EXPECT_THAT(line,
              AllOf(StartsWith("warn"), HasSubstr("REINDEX DATABASE sorted; ALTER DATABASE sorted REFRESH COLLATION VERSION")));
  // The cure is one.
  postgres::Settings settings = postgres_->settings();
  settings.database = "sorted";
  Database owner(settings);
  owner.rows("REINDEX DATABASE sorted");
  owner.rows("ALTER DATABASE sorted REFRESH COLLATION VERSION");
  EXPECT_THAT(doctor(sorted).line("collation"), StartsWith("ok"));
}

TEST_F(Doctor, NamesTheLimitsOfABroker) {
  const PrivateMosquitto small({.settings = {"max_inflight_messages 20", "max_packet_size 10000", "max_qos 0"}});
  const Report report = doctor({{"MQTT_BROKER_PORT", std::to_string(small.port())}});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.line("in flight"),
              AllOf(StartsWith("warn"), HasSubstr("20 messages"), HasSubstr("max_inflight_messages")));
  EXPECT_THAT(report.line("packet size"), AllOf(StartsWith("warn"), HasSubstr("9.8 KiB")));
  EXPECT_THAT(report.line("QoS"), AllOf(StartsWith("FAIL"), HasSubstr("QoS 0")));
}

TEST_F(Doctor, NamesASubscriptionThatTheBrokerRefuses) {
  const auto list = folder_ / "acl";
  std::ofstream(list) << "topic readwrite other/#\n";
  const PrivateMosquitto closed({.settings = {"acl_file " + list.string()}});
  const Report report = doctor({{"MQTT_BROKER_PORT", std::to_string(closed.port())}});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.output, AllOf(HasSubstr("FAIL"), HasSubstr("chat/messages/")));
  EXPECT_THAT(report.line("broker"), StartsWith("ok"));
  EXPECT_THAT(doctor({{"MQTT_BROKER_PORT", std::to_string(closed.port())}, {"MQTT_TOPIC", "other"}}).line("round trip"),
              StartsWith("ok"));
}

TEST_F(Doctor, NamesABrokerThatTakesASubscriptionAndDeliversNothing) {
  const auto list = folder_ / "acl";
  std::ofstream(list) << "topic write chat/messages/#\n";
  const PrivateMosquitto deaf({.settings = {"acl_file " + list.string()}});
  const Report report = doctor({{"MQTT_BROKER_PORT", std::to_string(deaf.port())}});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.line("round trip"), AllOf(StartsWith("FAIL"), HasSubstr("subscribe but not receive")));
}

TEST_F(Doctor, NamesAQueryServiceThatIsNotWhereItShouldBe) {
  EXPECT_THAT(doctor().line("query port"),
              AllOf(StartsWith("warn"), HasSubstr(std::to_string(ports_[2])), HasSubstr("hermes serve")));
}

TEST_F(Doctor, NamesAServiceAtThePortOfAnother) {
  Process query = start("serve", ports_[2]);
  Report report;
  const Environment mistaken{{"HERMES_INGESTER_PORT", std::to_string(ports_[2])}};
  ASSERT_TRUE(eventually([&] {
    report = doctor(mistaken);
    return report.line("query port").find("is well") != std::string::npos;
  })) << report.output;
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.line("ingester port"),
              AllOf(StartsWith("FAIL"), HasSubstr("the query service answers there, not the ingester"),
                    HasSubstr("HERMES_INGESTER_PORT")));
}

TEST_F(Doctor, NamesASpoolThatCannotBeUsed) {
  std::ofstream(folder_ / "a file") << "in the way";
  const Report no_folder = doctor({{"HERMES_SPOOL_DIR", folder_ / "a file"}});
  EXPECT_EQ(no_folder.exit_code, 1);
  EXPECT_THAT(no_folder.line("spool"), AllOf(StartsWith("FAIL"), HasSubstr("is no folder"), HasSubstr("HERMES_SPOOL_DIR")));
  if (geteuid() == 0) GTEST_SKIP() << "root can read every folder";
  std::filesystem::create_directory(folder_ / "closed");
  chmod((folder_ / "closed").c_str(), 0);
  EXPECT_THAT(doctor({{"HERMES_SPOOL_DIR", folder_ / "closed"}}).line("spool"),
              AllOf(StartsWith("FAIL"), HasSubstr("cannot be read")));
}

TEST_F(Doctor, NamesAPortThatSomebodyElseHas) {
  const Report report = doctor({{"HERMES_INGESTER_PORT", std::to_string(broker_->port())}});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.line("ingester port"), AllOf(StartsWith("FAIL"), HasSubstr(std::to_string(broker_->port()) + " is taken"),
                                                  HasSubstr("HERMES_INGESTER_PORT")));
  EXPECT_THAT(report.line("projector port"), AllOf(StartsWith("ok"), HasSubstr("is free")));
}

TEST_F(Doctor, NamesAPasswordThatOthersCanRead) {
  const auto settings_file = folder_ / "settings";
  std::ofstream(settings_file) << "POSTGRES_PASSWORD='" << postgres_->settings().password << "'\n";
  chmod(settings_file.c_str(), 0644);
  const Report report = doctor({{"HERMES_CONFIG", settings_file}});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.line("secrets"), AllOf(StartsWith("FAIL"), HasSubstr("chmod o= " + settings_file.string())));
  EXPECT_THAT(report.output, Not(HasSubstr("'" + postgres_->settings().password)));
}

TEST_F(Doctor, NamesAServiceInTrouble) {
  Database database(postgres_->settings());
  database.execute(
      "DELETE FROM service_heartbeats;"  // of services of other tests
      "INSERT INTO service_heartbeats (service, instance, host, pid, version, started_at, beat_at, interval_seconds, state, "
      "problem) "
      "VALUES ('ingester', 'sick', 'here', 1, '0', now(), now(), 3600, 'degraded', 'the disk is slow')");
  const Report report = doctor();
  database.execute("DELETE FROM service_heartbeats WHERE instance = 'sick'");
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.line("services"), AllOf(StartsWith("FAIL"), HasSubstr("ingester sick is degraded: the disk is slow")));
}

TEST_F(Doctor, SaysWhetherWalIsArchivedAndWhenItFails) {
  EXPECT_THAT(doctor().line("wal archive"),
              AllOf(StartsWith("warn"), HasSubstr("archive_mode is off"), HasSubstr("docs/backup.md")));
  const PrivatePostgres archiving({.settings = {"archive_mode=on"}});
  const Environment there = environment_for(archiving);
  const auto line = [&] { return doctor(there).line("wal archive"); };
  EXPECT_THAT(line(), AllOf(StartsWith("warn"), HasSubstr("archive_command is empty")));
  Database superuser(archiving.superuser());
  const auto archive_by = [&](const std::string& command) {
    superuser.execute("ALTER SYSTEM SET archive_command = '" + command + "'");
    superuser.execute("SELECT pg_reload_conf()");
  };
  archive_by("/bin/true");
  EXPECT_TRUE(eventually([&] { return line().find("archive_command is /bin/true") != std::string::npos; })) << line();
  archive_by("false");
  superuser.execute("CREATE TABLE written ()");
  superuser.execute("SELECT pg_switch_wal()");
  EXPECT_TRUE(eventually([&] { return line().starts_with("FAIL"); })) << line();
  EXPECT_THAT(line(), AllOf(HasSubstr("it does not take 0000000"), HasSubstr("archive_command")));
  EXPECT_EQ(doctor(there).exit_code, 1);
  archive_by("test -f %p");
  EXPECT_TRUE(eventually([&] { return line().starts_with("ok"); })) << line();
}

TEST_F(Doctor, SaysHowOldTheAnchorIs) {
  EXPECT_THAT(doctor().line("anchor"), AllOf(StartsWith("warn"), HasSubstr("HERMES_ANCHOR")));
  const auto anchor = folder_ / "anchors" / "monday.json";
  EXPECT_THAT(doctor({{"HERMES_ANCHOR", anchor.string()}}).line("anchor"),
              AllOf(StartsWith("warn"), HasSubstr("is not there")));
  std::filesystem::create_directory(folder_ / "anchors");
  std::ofstream(anchor) << "{}";
  EXPECT_THAT(doctor({{"HERMES_ANCHOR", anchor.string()}}).line("anchor"), AllOf(StartsWith("ok"), HasSubstr("written")));
  std::filesystem::last_write_time(anchor, std::filesystem::file_time_type::clock::now() - std::chrono::hours(72));
  EXPECT_THAT(doctor({{"HERMES_ANCHOR", anchor.string()}}).line("anchor"), AllOf(StartsWith("warn"), HasSubstr("3 d")));
  // Of a folder the youngest file.
  std::ofstream(folder_ / "anchors" / "thursday.json") << "{}";
  EXPECT_THAT(doctor({{"HERMES_ANCHOR", (folder_ / "anchors").string()}}).line("anchor"), StartsWith("ok"));
}

TEST_F(Doctor, TellsFailuresToProgramsToo) {
  const Report report = doctor({{"MQTT_BROKER_PORT", "1"}}, {"--json"});
  EXPECT_EQ(report.exit_code, 1);
  const json::value as_json = json::parse(report.output);
  EXPECT_EQ(as_json.at("ok"), false);
  EXPECT_EQ(as_json.at("checks").at(0).at("level"), "fail");
  EXPECT_TRUE(as_json.at("checks").at(0).at("advice").is_string());
  EXPECT_EQ(as_json.at("checks").at(1).at("level"), "skipped");
}

}  // namespace
}  // namespace hermes::tools
