// Proves that docs/backup.md is right about a server of one's own, by its own commands: with a receiver nothing that was
// acknowledged is lost or doubled when the data folder vanishes under load; a restore to a point has exactly what was committed
// by then, and services that have seen the future do no harm to it; a dump comes back in another cluster, roles included; and
// consumers that are ahead of a restored log are named, and made right by a rebuild.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "tests/servers/postgres_template.h"
#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"
#include "tests/support/log_fixture.h"
#include "tests/support/running_services.h"
#include "tests/support/witness.h"

namespace hermes::test_support {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

constexpr std::int64_t kSomeEvents = 5'000;

// The block of the page that says "sh NAME" in its first line.
std::string block_of_page(const std::string& name, const std::string& language = "sh") {
  std::ifstream page(HERMES_SOURCE_DIR "/docs/backup.md");
  std::string block;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (inside && line.starts_with("```")) return block;
    if (inside) block.append(line).append("\n");
    if (line == "```" + language + " " + name) inside = true;
  }
  throw std::runtime_error("docs/backup.md has no block " + name);
}

class Backup : public testing::Test {
 protected:
  Backup() {
    // Where user postgres can reach it, whoever can read the build folder.
    fs::create_directory(bin_);
    fs::copy_file(hermes_command(), bin_ / "hermes");
  }

  PrivatePostgres& postgres() { return stack_.postgres(); }

  Environment page_environment(const PrivatePostgres& server, Environment more = {}) const {
    Environment environment = environment_for(server);
    environment.merge(
        Environment{{"BACKUP", backup_.string()},
                    {"PGDATA", server.data_folder().string()},
                    {"PGHOST", server.socket_folder().string()},
                    {"PGPORT", std::to_string(server.port())},
                    {"PGUSER", "postgres"},
                    {"LC_ALL", "C.UTF-8"},
                    {"XDG_CONFIG_HOME", folder_.path().string()},
                    {"HERMES_STATE_DIR", folder_.path().string()},
                    {"PATH", bin_.string() + ":" + private_servers::postgres_bin().string() + ":" + std::getenv("PATH")}});
    more.merge(environment);
    return more;
  }

  Process start_block(const std::string& name, const PrivatePostgres& server, const Environment& more = {},
                      bool as_root = false) {
    // Who is not root owns the folder already.
    const std::string mine = geteuid() == 0 ? "" : "chown() { :; }\n";
    return Process::start({"bash", "-euo", "pipefail", "-c", mine + block_of_page(name)},
                          {.environment = page_environment(server, more),
                           .folder = as_root ? fs::path(HERMES_SOURCE_DIR) : folder_.path(),
                           .output = folder_ / (name + ".output"),
                           .as = as_root ? std::nullopt : private_servers::postgres_user()});
  }

  // As a reader of the page would type it.
  std::string run_block(const std::string& name, const PrivatePostgres& server, const Environment& more = {},
                        bool as_root = false) {
    fs::remove(folder_ / (name + ".output"));
    Process block = start_block(name, server, more, as_root);
    EXPECT_EQ(block.wait(std::chrono::minutes(2)), 0) << name << ": " << block.output();
    return block.output();
  }
  std::string run_block(const std::string& name) { return run_block(name, postgres()); }

  void begin_archiving() {
    run_block("backup-prepare", postgres(), {}, true);
    chmod((folder_ / "").c_str(), 0777);  // where blocks of user postgres leave their output
    run_block("backup-archive");
    postgres().restart();
  }

  static std::int64_t events_in_log(const PrivatePostgres& server) {
    return std::stoll(Database(server.superuser()).value("SELECT coalesce(sum(next_offset), 0) FROM event_log_heads"));
  }
  bool messages_flow(std::int64_t more = 1) {
    const std::int64_t before = events_in_log(postgres());
    return eventually([&] { return events_in_log(postgres()) >= before + more; });
  }

  // All of the log below these heads, one text: which event stands where, and when it arrived.
  static constexpr const char* kLogBelowNoted =
      "SELECT md5(string_agg(concat_ws(' ', e.partition, e.\"offset\", e.stream_id, e.received_at, e.hash), ',' "
      "ORDER BY e.partition, e.\"offset\")) FROM event_log e JOIN noted USING (partition) WHERE e.\"offset\" < "
      "noted.next_offset";

  Finished hermes(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), hermes_command());
    return run(arguments, stack_.environment(), {}, std::chrono::minutes(2));
  }

  // The data folder as one that went with its disk, and what the page says to do then.
  void lose_data_and_restore(const std::string& until = {}) {
    postgres().kill();
    fs::remove_all(postgres().data_folder());
    EXPECT_THAT(run_block("backup-check"), IsEmpty());
    run_block("backup-restore");
    if (!until.empty()) run_block("backup-restore-at", postgres(), {{"AT", until}});
    postgres().start();
    EXPECT_TRUE(eventually([&] { return Database(postgres().superuser()).value("SELECT pg_is_in_recovery()") == "f"; }));
  }

  void expect_proven(const fs::path& anchor) {
    const std::string told = run_block("backup-prove", postgres(), {{"ANCHOR", anchor.string()}});
    EXPECT_THAT(told, AllOf(HasSubstr("All is well"), HasSubstr("nothing before it has changed")));
  }

  bool has_events(const std::string& id, std::int64_t count) {
    return std::stoll(Database(postgres().superuser())
                          .value("SELECT count(*) FROM event_log WHERE stream_id = 'message/" + id + "'")) >= count;
  }

  static std::vector<std::string> receipts(const std::string& id, int from, int to) {
    std::vector<std::string> lines;
    for (int user = from; user < to; ++user) {
      lines.push_back(IngestStack::status(id, "delivered", "reader-" + std::to_string(user)));
    }
    return lines;
  }

  void publish(const std::string& topic, const std::vector<std::string>& payloads) {
    std::string lines;
    for (const std::string& payload : payloads) lines += payload + "\n";
    const Finished published = run({"mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p",
                                    std::to_string(stack_.mosquitto().port()), "-q", "1", "-t", topic, "-l"},
                                   {}, lines);
    ASSERT_EQ(published.exit_code, 0) << published.errors;
  }

  TemporaryFolder folder_;
  const fs::path bin_ = folder_ / "bin";
  const fs::path backup_ = folder_ / "backup";
  bench::Stack stack_{hermes_command(), {.postgres_settings = {"track_commit_timestamp=on"}}};
};

TEST_F(Backup, WithAReceiverLosesNothingAcknowledgedWhenTheDataFolderVanishesUnderLoad) {
  begin_archiving();
  run_block("backup-receive-slot");
  Process receiver = start_block("backup-receive", postgres());
  run_block("backup-receive-wait");
  {
    Database database(postgres().superuser());
    ASSERT_TRUE(eventually([&] { return database.value("SELECT sync_state FROM pg_stat_replication") == "sync"; }))
        << receiver.output();
  }
  RunningServices services(stack_);
  Witness witness(stack_, std::min(faults_rate(), 2000.0));
  ASSERT_TRUE(messages_flow(kSomeEvents));
  run_block("backup-base");
  ASSERT_TRUE(messages_flow(kSomeEvents));

  // What stood where then, to be compared.
  std::vector<Row> noted;
  std::string log_before;
  {
    Database database(postgres().superuser());
    database.execute("CREATE TEMP TABLE noted AS SELECT partition, next_offset FROM event_log_heads");
    noted = database.rows("SELECT partition, next_offset FROM noted");
    log_before = database.value(kLogBelowNoted);
  }
  postgres().kill();
  receiver.kill(SIGINT);
  ASSERT_EQ(receiver.wait(), 0) << receiver.output();
  ASSERT_NO_FATAL_FAILURE(lose_data_and_restore());
  EXPECT_TRUE(messages_flow());  // by themselves

  const Witness::Testimony testimony = witness.finish();
  EXPECT_TRUE(testimony.report.complete) << testimony.report.published - testimony.report.acknowledged << " never acknowledged";
  EXPECT_EQ(services.ingester.stop(), 0);
  Database database(postgres().superuser());
  wait_until_projected(database);
  EXPECT_EQ(services.projector.stop(), 0);
  const Account account = account_of(database, testimony.acknowledged_ids);
  std::cout << testimony.report.published << " messages, " << testimony.report.sent_again << " sent again; " << account << "\n";
  EXPECT_TRUE(nothing_lost_or_doubled(account)) << account;
  EXPECT_THAT(faults_of_log(database), IsEmpty());
  database.execute("CREATE TEMP TABLE noted (partition smallint, next_offset bigint)");
  for (const Row& row : noted) database.execute("INSERT INTO noted VALUES (" + row[0] + ", " + row[1] + ")");
  EXPECT_EQ(database.value(kLogBelowNoted), log_before)
      << "the same events, at the same places, with the same times of arrival";
  EXPECT_EQ(database.value("SELECT count(*) FROM event_log JOIN chat_messages ON stream_id = 'message/' || message_id "
                           "WHERE event_type = 'MessageSent' AND received_at <> created_at"),
            "0");
  expect_proven(backup_ / "anchor.json");
}

// The services have seen, cached and spooled what comes after the point, and meet the log of before it.
TEST_F(Backup, RestoredToAPointHasExactlyWhatWasCommittedByThenAndServicesOfTheFutureDoNoHarm) {
  begin_archiving();
  RunningServices services(stack_, {{"HERMES_PARKING_WINDOW_S", "2"}});
  Witness witness(stack_, std::min(faults_rate(), 2000.0));
  ASSERT_TRUE(messages_flow(kSomeEvents));
  run_block("backup-base");
  // A stream that is long enough for a snapshot, and that goes on after the point.
  ASSERT_NO_FATAL_FAILURE(publish("chat/messages/all", {IngestStack::message("long", "fredy", "all")}));
  ASSERT_TRUE(eventually([&] { return has_events("long", 2); }));
  ASSERT_NO_FATAL_FAILURE(publish("chat/messages/receipts", receipts("long", 0, 1'500)));
  ASSERT_TRUE(eventually([&] { return has_events("long", 1'502); }));
  ASSERT_TRUE(messages_flow(kSomeEvents));
  std::string point, committed, lost_message;
  {
    Database database(postgres().superuser());
    // Nobody commits events while the heads are held, so that what was committed by then is no matter of microseconds.
    {
      OpenTransaction nobody_appends(postgres().superuser(), "SELECT FROM event_log_heads FOR UPDATE");
      point = database.value("SELECT clock_timestamp()");
      nobody_appends.commit();
    }
    ASSERT_TRUE(messages_flow(kSomeEvents));
    ASSERT_NO_FATAL_FAILURE(publish("chat/messages/receipts", receipts("long", 1'500, 3'500)));
    ASSERT_TRUE(eventually([&] { return has_events("long", 3'502); }));
    committed = database.value(
        "SELECT md5(string_agg(partition || ':' || \"offset\", ',' ORDER BY partition, \"offset\")) FROM event_log "
        "WHERE pg_xact_commit_timestamp(xmin) <= '" +
        point + "'");
    lost_message = database.value(
        "SELECT substr(stream_id, 9) FROM event_log WHERE event_type = 'MessageReceived' AND pg_xact_commit_timestamp(xmin) > "
        "'" +
        point + "' ORDER BY recorded_at LIMIT 1");
    const std::string last = database.value("SELECT pg_walfile_name(pg_switch_wal())");
    ASSERT_TRUE(
        eventually([&] { return database.value("SELECT last_archived_wal >= '" + last + "' FROM pg_stat_archiver") == "t"; }));
  }
  // The spool holds what came after the point and is not in the log.
  postgres().kill();
  ASSERT_TRUE(eventually([&] { return services.ingester.metric("hermes_ingest_spool_messages").value_or(0) > 0; }));
  // They keep what they know, and touch nothing before it was looked at.
  services.ingester.signal(SIGSTOP);
  services.projector.signal(SIGSTOP);
  ASSERT_NO_FATAL_FAILURE(lose_data_and_restore(point));
  {
    Database database(postgres().superuser());
    EXPECT_EQ(database.value("SELECT md5(string_agg(partition || ':' || \"offset\", ',' ORDER BY partition, \"offset\")) FROM "
                             "event_log"),
              committed);
    EXPECT_EQ(database.value("SELECT count(*) FROM event_log WHERE stream_id = 'message/" + lost_message + "'"), "0");
    EXPECT_EQ(database.value("SELECT count(*) FROM event_log WHERE stream_id = 'message/long'"), "1502");
  }
  expect_proven(backup_ / "anchor.json");
  services.ingester.signal(SIGCONT);
  services.projector.signal(SIGCONT);
  EXPECT_TRUE(messages_flow());

  Database database(postgres().superuser());
  // The receipt of a message that is gone waits, and expires.
  ASSERT_NO_FATAL_FAILURE(publish("chat/messages/receipts", {IngestStack::status(lost_message, "read", "peer")}));
  EXPECT_TRUE(eventually([&] {
    return database.value("SELECT count(*) FROM rejected_events WHERE reason = 'parked_too_long' AND message_id = '" +
                          lost_message + "'") == "1";
  }));
  // Its sender still had it.
  ASSERT_NO_FATAL_FAILURE(publish("chat/messages/peer", {IngestStack::message(lost_message, "witness", "peer", "again")}));
  EXPECT_TRUE(eventually([&] { return has_events(lost_message, 2); }));
  // A stream whose future is in the cache and was in a snapshot goes on where the log says.
  ASSERT_NO_FATAL_FAILURE(publish("chat/messages/receipts", receipts("long", 1'500, 1'600)));
  EXPECT_TRUE(eventually([&] { return has_events("long", 1'602); }));

  const Witness::Testimony testimony = witness.finish();
  EXPECT_EQ(services.ingester.stop(), 0);
  wait_until_projected(database);
  EXPECT_EQ(services.projector.stop(), 0);
  const Account account = account_of(database, testimony.acknowledged_ids);
  std::cout << testimony.report.published << " messages; " << account << "\n";
  EXPECT_GT(account.missing_in_log, 0) << "what was acknowledged after the point is gone";
  EXPECT_EQ(account.doubled_in_log, 0);
  EXPECT_EQ(account.doubled_statuses, 1) << "the long stream alone has more than two";
  EXPECT_THAT(faults_of_log(database), IsEmpty());
  const Finished verified = hermes({"verify"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output;
}

TEST_F(Backup, ByPgBackRestFullAndIncrementalIsRestoredToTheEndAndToAPoint) {
  if (run({"sh", "-c", "command -v pgbackrest"}).exit_code != 0) GTEST_SKIP() << "pgbackrest is not installed";
  run_block("backup-prepare", postgres(), {}, true);
  chmod((folder_ / "").c_str(), 0777);
  // The file of the page, for this server.
  std::ofstream(folder_ / "pgbackrest.conf") << std::regex_replace(
      std::regex_replace(block_of_page("pgbackrest.conf", "ini"), std::regex("repo1-path=.*"),
                         "repo1-path=" + (backup_ / "repository").string() + "\nlog-level-file=off\nlock-path=" +
                             (folder_ / "lock").string() + "\nspool-path=" + (folder_ / "spool").string()),
      std::regex("pg1-path=.*"),
      "pg1-path=" + postgres().data_folder().string() + "\npg1-socket-path=" + postgres().socket_folder().string() +
          "\npg1-port=" + std::to_string(postgres().port()));
  const Environment more{{"PGBACKREST_CONFIG", (folder_ / "pgbackrest.conf").string()},
                         {"ANCHOR", (backup_ / "anchor.json").string()}};
  // PostgreSQL runs the page's archive_command in its own environment.
  setenv("PGBACKREST_CONFIG", more.at("PGBACKREST_CONFIG").c_str(), 1);
  run_block("pgbackrest-archive", postgres(), more);
  postgres().restart();
  RunningServices services(stack_);
  Witness witness(stack_, 500);
  ASSERT_TRUE(messages_flow(1'000));
  run_block("pgbackrest-backup", postgres(), more);
  ASSERT_TRUE(messages_flow(1'000));
  EXPECT_TRUE(witness.finish().report.complete);
  EXPECT_EQ(services.ingester.stop(), 0);
  wait_until_projected(*std::make_unique<Database>(postgres().superuser()));
  EXPECT_EQ(services.projector.stop(), 0);
  std::string point, events;
  {
    Database database(postgres().superuser());
    point = database.value("SELECT clock_timestamp()");
    events = database.value("SELECT count(*) FROM event_log");
    database.execute("CREATE TABLE after_the_point ()");
  }
  const auto restore = [&](const std::string& block, const Environment& environment) {
    postgres().stop();  // which archives all
    fs::remove_all(postgres().data_folder());
    fs::create_directory(postgres().data_folder());
    fs::permissions(postgres().data_folder(), fs::perms::owner_all);
    if (const auto user = private_servers::postgres_user()) {
      ASSERT_EQ(chown(postgres().data_folder().c_str(), user->uid, user->gid), 0);
    }
    run_block(block, postgres(), environment);
    postgres().start();
    EXPECT_TRUE(eventually([&] { return Database(postgres().superuser()).value("SELECT pg_is_in_recovery()") == "f"; }));
    EXPECT_EQ(Database(postgres().superuser()).value("SELECT count(*) FROM event_log"), events);
  };
  ASSERT_NO_FATAL_FAILURE(restore("pgbackrest-restore", more));
  EXPECT_EQ(Database(postgres().superuser()).value("SELECT to_regclass('after_the_point') IS NULL"), "f");
  expect_proven(backup_ / "anchor.json");
  Environment at = more;
  at["AT"] = point;
  ASSERT_NO_FATAL_FAILURE(restore("pgbackrest-restore-at", at));
  EXPECT_EQ(Database(postgres().superuser()).value("SELECT to_regclass('after_the_point') IS NULL"), "t");
  expect_proven(backup_ / "anchor.json");
  unsetenv("PGBACKREST_CONFIG");
}

TEST_F(Backup, ADumpComesBackInAnotherClusterWithItsRoles) {
  run_block("backup-prepare", postgres(), {}, true);
  chmod((folder_ / "").c_str(), 0777);
  {
    RunningServices services(stack_);
    Witness witness(stack_, 500);
    ASSERT_TRUE(messages_flow(kSomeEvents));
    run_block("backup-dump");  // beside traffic
    EXPECT_TRUE(witness.finish().report.complete);
  }
  const PrivatePostgres other;
  Database(other.superuser()).execute("SELECT 1");
  postgres::Settings administration = other.superuser();
  administration.database = "postgres";
  Database(administration).execute("DROP DATABASE public");
  Database(administration).execute("DROP OWNED BY dbowner; DROP ROLE dbowner");
  run_block("backup-undump", other);
  const std::string told = run_block("backup-prove", other, {{"ANCHOR", (backup_ / "anchor.json").string()}});
  EXPECT_THAT(told, AllOf(HasSubstr("All is well"), HasSubstr("nothing before it has changed")));
  Database restored(other.superuser());
  EXPECT_EQ(
      restored.value("SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname LIKE 'hermes%' OR rolname "
                     "= 'dbowner'"),
      "dbowner hermes_ingester hermes_projector hermes_reader");
  EXPECT_EQ(restored.value("SELECT has_table_privilege('hermes_ingester', 'event_log', 'INSERT')"), "t");
  EXPECT_EQ(restored.value("SELECT has_table_privilege('hermes_reader', 'event_log', 'INSERT')"), "f");
  EXPECT_THAT(faults_of_log(restored), IsEmpty());
}

// The log alone is restored, and the read models know more than it: what consumers elsewhere look like.
TEST_F(Backup, CheckpointsAheadOfARestoredLogAreNamedAndARebuildMakesThemRight) {
  RunningServices services(stack_);
  Witness witness(stack_, 500);
  ASSERT_TRUE(messages_flow(kSomeEvents));
  EXPECT_TRUE(witness.finish().report.complete);
  Database database(postgres().superuser());
  wait_until_projected(database);
  EXPECT_EQ(services.ingester.stop(), 0);
  EXPECT_EQ(services.projector.stop(), 0);
  // The log of before the last hundred events of partition 3.
  database.execute(
      "ALTER TABLE event_log DISABLE TRIGGER event_log_immutable;"
      "DELETE FROM event_log USING event_log_heads h WHERE event_log.partition = 3 AND h.partition = 3 AND \"offset\" >= "
      "next_offset - "
      "100;"
      "UPDATE event_log_heads SET (next_offset, last_hash, last_recorded_at) = (SELECT \"offset\" + 1, hash, recorded_at FROM "
      "event_log "
      "WHERE partition = 3 ORDER BY \"offset\" DESC LIMIT 1) WHERE partition = 3;"
      "ALTER TABLE event_log ENABLE ALWAYS TRIGGER event_log_immutable");
  const std::string head = database.value("SELECT next_offset FROM event_log_heads WHERE partition = 3");
  const Finished status = hermes({"status"});
  EXPECT_EQ(status.exit_code, 1);
  EXPECT_THAT(status.output, AllOf(HasSubstr("projection chat is ahead of the log in partition 3"),
                                   HasSubstr("the log ends at " + head), HasSubstr("hermes rebuild chat")));
  const Finished found = hermes({"verify", "--only", "log"});
  EXPECT_EQ(found.exit_code, 1);
  EXPECT_THAT(found.output, HasSubstr("end 3:" + head + ": the log ends here, and chat knows it up to 3:"));

  const Finished rebuilt = hermes({"rebuild"});
  EXPECT_EQ(rebuilt.exit_code, 0) << rebuilt.output << rebuilt.errors;
  const Finished verified = hermes({"verify", "--only", "log", "tables"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
  // And what comes now is projected, also into that partition.
  services.ingester.start();
  services.projector.start();
  Witness after(stack_, 500);
  ASSERT_TRUE(messages_flow(kSomeEvents));
  const Witness::Testimony testimony = after.finish();
  wait_until_projected(database);
  EXPECT_EQ(hermes({"verify"}).exit_code, 0);
}

}  // namespace
}  // namespace hermes::test_support
