// An event that cannot be applied stops its partition of that projection alone, everybody who looks is told which event it is
// and why, and an operator has one recorded way past it. The service runs as a process, as an operator would run it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

#include "bench/stack.h"
#include "eventstore/schema/payload.h"
#include "tests/servers/environment.h"
#include "tests/support/eventually.h"
#include "tests/support/read_models.h"

namespace hermes::projections {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr int kPartitions = 4;

class Stuck : public testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<LogServer>(); }
  static void TearDownTestSuite() { server.reset(); }
  static std::unique_ptr<LogServer> server;

  void SetUp() override {
    server->new_log(kPartitions);
    database = std::make_unique<Database>(server->settings());
    writer = std::make_unique<LogWriter>(server->settings());
    Environment environment = this->environment();
    environment["HERMES_INSTANCE"] = "one";
    environment["HERMES_POLL_MS"] = "100";
    projector = std::make_unique<bench::Service>(std::vector<std::string>{hermes_command(), "project"}, environment,
                                                 folder / "projector.log");
    projector->start();
    projector->wait_ready();
  }

  Environment environment() const {
    Environment environment = private_servers::environment_for(server->postgres());
    environment["POSTGRES_DB"] = server->settings().database;
    environment["HERMES_STATE_DIR"] = folder.path();
    return environment;
  }

  Finished hermes(std::vector<std::string> arguments, Environment extra = {}) const {
    arguments.insert(arguments.begin(), hermes_command());
    extra.merge(environment());
    return run(arguments, extra);
  }

  // What /readyz says: its status code, then its body.
  std::string get(const std::string& path) const {
    return run({"curl", "--silent", "--max-time", "10", "--write-out", " %{http_code}",
                "http://127.0.0.1:" + std::to_string(projector->http_port()) + path})
        .output;
  }

  std::string stuck_at(const std::string& projection) {
    return database->value("SELECT partition || ':' || \"offset\" FROM projection_stuck WHERE projection = '" + projection +
                           "'");
  }
  bool becomes_stuck(const std::string& projection) { return !becomes_stuck_elsewhere(projection, "").empty(); }
  // Where it stops once it has left `before`; empty if it never does. The position is read once a look: it may change between
  // two.
  std::string becomes_stuck_elsewhere(const std::string& projection, const std::string& before) {
    std::string position;
    const bool stuck = eventually([&] {
      position = stuck_at(projection);
      return !position.empty() && position != before;
    });
    return stuck ? position : "";
  }
  bool catches_up() {
    return eventually([&] { return is_caught_up(*database); });
  }

  // Two messages in one partition, by trial.
  static std::pair<std::string, std::string> in_one_partition() {
    const auto partition = [](const std::string& id) {
      return eventstore::partition_of(eventstore::stream_key("message/" + id), kPartitions);
    };
    for (int i = 1;; ++i) {
      if (partition("m-" + std::to_string(i)) == partition("m-0")) return {"m-0", "m-" + std::to_string(i)};
    }
  }

  // PostgreSQL compresses what it puts into an index: only what cannot be compressed stays too long.
  static std::string incompressible_text(std::size_t length) {
    std::mt19937 random(17);
    std::string text;
    while (text.size() < length) text += static_cast<char>('0' + random() % 64);
    return text;
  }

  TemporaryFolder folder;
  std::unique_ptr<Database> database;
  std::unique_ptr<LogWriter> writer;
  std::unique_ptr<bench::Service> projector;
};

std::unique_ptr<LogServer> Stuck::server;

// An operator's constraint stands for whatever the database refuses a row for.
TEST_F(Stuck, StopsThatPartitionOfThatProjectionAloneAndIsNamedEverywhere) {
  database->execute("ALTER TABLE chat_messages ADD CONSTRAINT no_poison CHECK (content <> 'poison')");
  const auto [first, second] = in_one_partition();
  std::vector<domain::Command> commands = {message(first, "fredy", "david", "before"),
                                           message(second, "fredy", "david", "poison")};
  for (int i = 100; i < 140; ++i) commands.push_back(message("x-" + std::to_string(i)));
  writer->append(std::move(commands));
  ASSERT_TRUE(becomes_stuck("chat"));
  const std::string position = stuck_at("chat");
  EXPECT_EQ(database->value("SELECT partition || ':' || \"offset\" FROM event_log WHERE version = 0 AND stream_id = 'message/" +
                            second + "'"),
            position);

  // The rest goes on, also with what comes now: what was before it, the other partitions, the other projections.
  commands.clear();
  for (int i = 140; i < 180; ++i) commands.push_back(message("x-" + std::to_string(i)));
  writer->append(std::move(commands));
  EXPECT_TRUE(eventually([&] {
    return database->value("SELECT count(*) FROM projection_lag WHERE events_behind > 0 AND stuck_offset IS NULL") == "0";
  }));
  EXPECT_EQ(database->value("SELECT count(*) FROM projection_stuck"), "1");
  EXPECT_EQ(database->value("SELECT content FROM chat_messages WHERE message_id = '" + first + "'"), "before");
  EXPECT_EQ(database->value("SELECT unread_count FROM inbox WHERE user_id = 'david'"), "82");

  const std::string named = "chat is stuck at " + position + " (MessageSent of message/" + second + ")";
  const Finished status = hermes({"status"});
  EXPECT_EQ(status.exit_code, 1);
  EXPECT_THAT(status.output,
              AllOf(HasSubstr(named), HasSubstr("no_poison"), HasSubstr("hermes project chat --skip " + position)));
  const auto json = boost::json::parse(hermes({"status", "--json"}).output);
  const std::string as_json = boost::json::serialize(json);
  EXPECT_FALSE(json.at("ok").as_bool());
  EXPECT_THAT(as_json, AllOf(HasSubstr("message/" + second), HasSubstr("no_poison"), HasSubstr("\"MessageSent\"")));
  EXPECT_TRUE(eventually([&] { return get("/readyz").ends_with("503"); }));
  EXPECT_THAT(get("/readyz"), AllOf(HasSubstr(named), HasSubstr("no_poison")));
  EXPECT_THAT(get("/healthz"), HasSubstr("200"));  // starting it again would not help

  // Once, with all there is to know, although the projector says it of itself, too.
  ASSERT_TRUE(eventually([&] { return database->value("SELECT state FROM service_heartbeats") == "degraded"; }));
  const auto told = boost::json::parse(hermes({"status", "--json"}).output).at("problems").as_array();
  std::vector<std::string> of_it;
  for (const auto& problem : told) {
    if (problem.as_string().find(position) != std::string::npos) of_it.emplace_back(problem.as_string());
  }
  EXPECT_THAT(of_it, ElementsAre(AllOf(HasSubstr("projection " + named), HasSubstr(" since 20"), HasSubstr("event"),
                                       HasSubstr("no_poison"), HasSubstr("hermes project chat --skip " + position))));
  const Finished doctor = hermes({"doctor"}, {{"MQTT_BROKER_PORT", "1"}});
  EXPECT_THAT(doctor.output, HasSubstr("chat is stuck at " + position));
  EXPECT_THAT(doctor.output, Not(HasSubstr("is degraded")));
  EXPECT_EQ(projector->metric("hermes_projection_stuck"), 1);
  EXPECT_THAT(get("/metrics"), HasSubstr("hermes_projection_stuck{projection=\"chat\",partition=\"" +
                                         position.substr(0, position.find(':')) + "\"} 1"));
}

// 54000, program limit exceeded: what an index of an operator's cannot hold is about the data as much as a constraint is.
TEST_F(Stuck, ARowTooLongForAnOperatorsIndexStopsItsPartitionAlone) {
  database->execute("CREATE INDEX by_content ON chat_messages (content)");
  const auto [first, second] = in_one_partition();
  std::vector<domain::Command> commands = {message(first, "fredy", "david", "before"),
                                           message(second, "fredy", "david", incompressible_text(9'000))};
  for (int i = 100; i < 140; ++i) commands.push_back(message("x-" + std::to_string(i)));
  writer->append(std::move(commands));
  ASSERT_TRUE(becomes_stuck("chat"));
  EXPECT_EQ(database->value("SELECT stream_id || ' ' || event_type FROM projection_stuck"),
            "message/" + second + " MessageSent");
  EXPECT_THAT(database->value("SELECT reason FROM projection_stuck"), AllOf(HasSubstr("index row"), HasSubstr("54000")));
  EXPECT_TRUE(eventually([&] {
    return database->value("SELECT count(*) FROM projection_lag WHERE events_behind > 0 AND stuck_offset IS NULL") == "0";
  }));
  EXPECT_EQ(database->value("SELECT content FROM chat_messages WHERE message_id = '" + first + "'"), "before");
}

TEST_F(Stuck, GoesOnByItselfWhenTheCauseIsMended) {
  database->execute("ALTER TABLE chat_messages ADD CONSTRAINT no_poison CHECK (content <> 'poison')");
  writer->append({message("m-1", "fredy", "david", "poison")});
  ASSERT_TRUE(becomes_stuck("chat"));
  database->execute("ALTER TABLE chat_messages DROP CONSTRAINT no_poison");
  EXPECT_EQ(projector->stop(), 0);
  projector->start();
  ASSERT_TRUE(catches_up());
  EXPECT_TRUE(eventually([&] { return stuck_at("chat").empty(); }));
  EXPECT_EQ(database->value("SELECT count(*) FROM chat_messages"), "1");
}

TEST_F(Stuck, SkippingAMessageOnceIsEnoughIsRecordedAndARebuildLeavesItOutToo) {
  database->execute("ALTER TABLE chat_messages ADD CONSTRAINT no_poison CHECK (content <> 'poison')");
  const auto [first, second] = in_one_partition();
  writer->append({message(second, "fredy", "david", "poison")});
  ASSERT_TRUE(becomes_stuck("chat"));
  const std::string position = stuck_at("chat");
  const Finished skipped = hermes({"project", "chat", "--skip", position, "--reason", "poison, ticket 17"});
  EXPECT_EQ(skipped.exit_code, 0) << skipped.errors;
  EXPECT_THAT(skipped.output, HasSubstr(position + " (MessageSent of message/" + second + ")"));
  // Its receipts are left out with it: those of the same batch, and those that come when it is long skipped.
  writer->append({message(first)});
  ASSERT_TRUE(catches_up());
  EXPECT_TRUE(eventually([&] { return stuck_at("chat").empty(); }));
  EXPECT_TRUE(eventually([&] { return get("/readyz").ends_with("200"); }));
  writer->append({receipt(second, Status::delivered, "david"), receipt(second, Status::read, "david")});
  ASSERT_TRUE(catches_up());
  EXPECT_EQ(database->value("SELECT count(*) FROM projection_stuck"), "0");
  EXPECT_EQ(database->value("SELECT string_agg(message_id, ' ') FROM chat_messages"), first);
  EXPECT_EQ(database->value("SELECT count(*) FROM projection_skips WHERE projection = 'chat' AND reason = 'poison, ticket 17' "
                            "AND skipped_by = 'dbowner' AND skipped_at <= now()"),
            "1");

  const std::string live = contents_of_all(*database);
  const Finished rebuilt = hermes({"rebuild", "chat"});
  EXPECT_EQ(rebuilt.exit_code, 0) << rebuilt.errors;
  EXPECT_EQ(contents_of_all(*database), live);
  // The tables agree with the log but for what is left out. That nothing but a constraint of this database refused it, verify
  // can't see: it may as well have been put there to hide a message.
  const Finished verified = hermes({"verify", "--only", "tables"});
  EXPECT_THAT(verified.output, HasSubstr("skip chat " + position + ": the event is left out, and it can be folded"));
  EXPECT_THAT(verified.output, HasSubstr("\n1 finding\n"));
}

TEST_F(Stuck, ReceiptsOfAMessageThatTheInboxLeavesOutCountForNothing) {
  database->execute("ALTER TABLE inbox ADD CONSTRAINT no_poison CHECK (last_content <> 'poison')");
  writer->append({message("p-1", "erin", "frank", "poison")});
  ASSERT_TRUE(becomes_stuck("inbox"));
  const Finished skipped = hermes({"project", "inbox", "--skip", stuck_at("inbox"), "--reason", "poison"});
  EXPECT_EQ(skipped.exit_code, 0) << skipped.errors;
  ASSERT_TRUE(catches_up());
  writer->append({message("p-2", "erin", "frank", "fine")});
  ASSERT_TRUE(catches_up());
  writer->append({receipt("p-1", domain::Status::read, "frank")});
  ASSERT_TRUE(catches_up());
  EXPECT_EQ(database->value("SELECT unread_count FROM inbox WHERE user_id = 'frank'"), "1");
}

TEST_F(Stuck, ARebuildThatGetsPastTheEventFreesARunningProjector) {
  database->execute("ALTER TABLE chat_messages ADD CONSTRAINT no_poison CHECK (content <> 'poison')");
  writer->append({message("m-1", "fredy", "david", "poison")});
  ASSERT_TRUE(becomes_stuck("chat"));
  database->execute("ALTER TABLE chat_messages DROP CONSTRAINT no_poison");
  const Finished rebuilt = hermes({"rebuild", "chat"});
  EXPECT_EQ(rebuilt.exit_code, 0) << rebuilt.errors;
  EXPECT_TRUE(eventually([&] { return get("/readyz").ends_with("200"); }));
  writer->append({receipt("m-1", domain::Status::read)});
  ASSERT_TRUE(catches_up());
}

// Since when it has been stuck is what an operator goes by: neither a new start nor another reason makes it young again.
TEST_F(Stuck, KeepsItsSinceOverARestartAndAnotherReason) {
  database->execute("ALTER TABLE chat_messages ADD CONSTRAINT no_poison CHECK (content <> 'poison')");
  writer->append({message("m-1", "fredy", "david", "poison")});
  ASSERT_TRUE(becomes_stuck("chat"));
  database->execute("UPDATE projection_stuck SET since = '2026-01-31 12:00Z'");
  projector->stop();
  database->execute("ALTER TABLE chat_messages RENAME CONSTRAINT no_poison TO another_reason");
  projector->start();
  EXPECT_TRUE(eventually(
      [&] { return database->value("SELECT reason FROM projection_stuck").find("another_reason") != std::string::npos; }));
  EXPECT_EQ(database->value("SELECT since = '2026-01-31 12:00Z' FROM projection_stuck"), "t");
}

TEST_F(Stuck, OnlyAnEventThatStopsAProjectionCanBeSkippedAndNeverWithoutAReason) {
  writer->append({message("m-1")});
  ASSERT_TRUE(catches_up());
  const Finished healthy = hermes({"project", "chat", "--skip", "1:0", "--reason", "no reason"});
  EXPECT_EQ(healthy.exit_code, 1);
  EXPECT_THAT(healthy.errors, HasSubstr("chat is not stuck at 1:0"));
  EXPECT_EQ(hermes({"project", "chat", "--skip", "1:0"}).exit_code, 2);
  EXPECT_EQ(hermes({"project", "chat", "--skip", "somewhere", "--reason", "x"}).exit_code, 2);
  EXPECT_EQ(database->value("SELECT count(*) FROM projection_skips"), "0");
}

// The first event of a stream tells the inbox who reads whom: once it is skipped, nobody needs it to be readable.
TEST_F(Stuck, SkippingADamagedMessageOnceIsEnoughForTheInboxToo) {
  const auto position = eventstore::to_string(writer->append_as_is("message/m-1", "MessageSent", 1, "\xff damaged"));
  ASSERT_TRUE(becomes_stuck("inbox"));
  for (const char* projection : {"chat", "inbox"}) {
    ASSERT_TRUE(becomes_stuck(projection)) << projection;
    EXPECT_EQ(hermes({"project", projection, "--skip", position, "--reason", "damaged"}).exit_code, 0) << projection;
  }
  std::string read;
  eventstore::encode_payload(domain::MessageRead{*domain::UserId::parse("david")}, read);
  writer->append_as_is("message/m-1", "MessageRead", 1, read);
  ASSERT_TRUE(catches_up());
  EXPECT_EQ(database->value("SELECT count(*) FROM projection_stuck"), "0");
}

// Written by a newer Hermes: to go past it would lose what it says.
TEST_F(Stuck, APayloadNewerThanThisBinaryStopsItsReaders) {
  writer->append({message("m-1")});
  ASSERT_TRUE(catches_up());
  const auto position = eventstore::to_string(writer->append_as_is("message/m-1", "MessageDelivered", 99, "from the future"));
  ASSERT_TRUE(becomes_stuck("chat"));
  EXPECT_EQ(stuck_at("chat"), position);
  EXPECT_THAT(database->value("SELECT reason FROM projection_stuck WHERE projection = 'chat'"),
              AllOf(HasSubstr("99"), HasSubstr("pgrade")));
  // inbox and typing have no use for this type, so they need not understand it.
  EXPECT_TRUE(eventually([&] {
    return database->value("SELECT count(*) FROM projection_lag WHERE events_behind > 0 AND projection <> 'chat'") == "0";
  }));
  EXPECT_EQ(database->value("SELECT count(*) FROM message_status WHERE status IN ('delivered', 'read')"), "0");

  const std::string live = contents_of_all(*database);
  const Finished rebuilt = hermes({"rebuild", "chat"});
  EXPECT_EQ(rebuilt.exit_code, 1);
  EXPECT_THAT(rebuilt.errors, AllOf(HasSubstr(position), HasSubstr("99")));
  EXPECT_EQ(contents_of_all(*database), live);
}

// A type that this binary has never heard of may matter to any projection.
TEST_F(Stuck, AnUnknownEventTypeStopsEveryProjection) {
  const auto position = eventstore::to_string(writer->append_as_is("message/m-1", "MessageForgotten", 1, ""));
  for (const char* projection : {"chat", "inbox", "typing"}) {
    ASSERT_TRUE(becomes_stuck(projection)) << projection;
    EXPECT_EQ(stuck_at(projection), position);
  }
  EXPECT_THAT(hermes({"project", "--skip", position, "--reason", "x"}).errors, HasSubstr("name one"));
}

TEST_F(Stuck, SigtermFinishesAndGivesTheLeasesBack) {
  const std::string owned = "SELECT count(*) FROM projection_leases WHERE owner = 'one'";
  EXPECT_TRUE(eventually([&] { return database->value(owned) == "12"; }));
  EXPECT_EQ(projector->stop(), 0);
  EXPECT_EQ(database->value(owned), "0");
  EXPECT_EQ(database->value("SELECT count(*) FROM projection_members"), "0");
}

}  // namespace
}  // namespace hermes::projections
