// Behind PgBouncer: Hermes works in session mode, and refuses any other mode before it changes a session that others get.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/database.h"
#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"
#include "tests/support/private_pgbouncer.h"

namespace hermes {
namespace {

using namespace test_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// As those set it who want clients in that send `options`.
constexpr const char* kOptionsPass = "ignore_startup_parameters = options";

class Pooler : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!PrivatePgbouncer::is_installed()) return;
    postgres_ = std::make_unique<PrivatePostgres>();
    const Finished migrated = run({hermes_command(), "migrate"}, environment_for(*postgres_));
    ASSERT_EQ(migrated.exit_code, 0) << migrated.errors;
  }
  static void TearDownTestSuite() { postgres_.reset(); }
  void SetUp() override {
    if (!PrivatePgbouncer::is_installed()) GTEST_SKIP() << "PgBouncer is not installed: scripts/install-dependencies.sh";
  }

  Environment environment(const PrivatePgbouncer& pooler) const {
    Environment environment = environment_for(*postgres_);
    environment["POSTGRES_PORT"] = std::to_string(pooler.port());
    environment["XDG_CONFIG_HOME"] = folder_.path();
    environment["HERMES_STATE_DIR"] = folder_.path();
    return environment;
  }

  postgres::Settings as(const PrivatePgbouncer& pooler, const std::string& role = {}) const {
    postgres::Settings settings = pooler.through(postgres_->settings());
    settings.role = role;
    return settings;
  }

  std::string refusal(const PrivatePgbouncer& pooler) const {
    const auto connection = postgres::connect(as(pooler, "hermes_ingester"));
    return connection ? "connected" : connection.error().message;
  }

  // Somebody else's client, of the same login.
  std::string stranger(const PrivatePgbouncer& pooler, const std::string& sql) const {
    const postgres::Settings settings = as(pooler);
    pqxx::connection connection("host=127.0.0.1 port=" + std::to_string(pooler.port()) + " dbname=" + settings.database +
                                " user=" + settings.user + " password=" + settings.password);
    pqxx::nontransaction transaction(connection);
    return transaction.exec1(sql)[0].c_str();
  }

  inline static std::unique_ptr<PrivatePostgres> postgres_;
  TemporaryFolder folder_;
};

TEST_F(Pooler, InSessionModeCarriesIngestProjectRebuildAndVerify) {
  const PrivatePgbouncer pooler(*postgres_, {"pool_mode = session", "default_pool_size = 40"});
  const PrivateMosquitto broker;
  Environment environment = environment_for(*postgres_, broker);
  environment.merge(this->environment(pooler));
  environment["POSTGRES_PORT"] = std::to_string(pooler.port());
  environment["HERMES_SPOOL_DIR"] = folder_ / "spool";
  const auto start = [&](const std::string& service) {
    environment["HERMES_HTTP_PORT"] = std::to_string(free_port());
    return Process::start({hermes_command(), service},
                          {.environment = environment, .folder = folder_.path(), .output = folder_ / (service + ".log")});
  };
  Process ingester = start("ingest");
  Process projector = start("project");
  Database database(postgres_->settings());
  ASSERT_TRUE(eventually([&] {
    return database.value("SELECT count(DISTINCT service) FROM service_heartbeats WHERE state = 'ready'") == "2";
  })) << ingester.output()
      << projector.output();
  const Finished sent = run({"mosquitto_pub", "-h", "127.0.0.1", "-p", std::to_string(broker.port()), "-q", "1", "-t",
                             "chat/messages/david", "-m", IngestStack::message("by-the-pooler")});
  ASSERT_EQ(sent.exit_code, 0) << sent.errors;
  EXPECT_TRUE(eventually([&] { return database.value("SELECT count(*) FROM chat_messages") == "1"; }))
      << ingester.output() << projector.output();
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"rebuild", "chat"}, {"verify"}, {"migrate"}}) {
    std::vector<std::string> line = {hermes_command()};
    line.insert(line.end(), command.begin(), command.end());
    const Finished finished = run(line, environment);
    EXPECT_EQ(finished.exit_code, 0) << command.front() << ": " << finished.output << finished.errors;
  }
}

TEST_F(Pooler, InSessionModeHandsOurRoleAndSettingsToNobody) {
  const PrivatePgbouncer pooler(*postgres_, {"pool_mode = session", "default_pool_size = 1"});
  {
    Database session(as(pooler, "hermes_ingester"));
    EXPECT_EQ(session.value("SELECT current_user || ' ' || current_setting('jit')"), "hermes_ingester off");
  }
  EXPECT_EQ(stranger(pooler,
                     "SELECT current_user || ' ' || current_setting('jit') || ' ' || current_setting('idle_session_timeout')"),
            "dbowner on 0");
}

TEST_F(Pooler, InTransactionModeIsRefusedWithWhatToDo) {
  for (const char* size : {"default_pool_size = 1", "default_pool_size = 5"}) {
    for (const char* order : {"server_round_robin = 0", "server_round_robin = 1"}) {
      const PrivatePgbouncer pooler(*postgres_, {"pool_mode = transaction", size, order});
      EXPECT_THAT(refusal(pooler), AllOf(HasSubstr("gives each transaction another session"), HasSubstr("pool_mode = session"),
                                         Not(HasSubstr("Is it running"))))
          << size << ", " << order;
    }
  }
}

TEST_F(Pooler, InTransactionModeGetsNoRoleOrSettingOfOurs) {
  const PrivatePgbouncer pooler(*postgres_, {"pool_mode = transaction", "default_pool_size = 1", kOptionsPass});
  refusal(pooler);
  EXPECT_EQ(stranger(pooler,
                     "SELECT current_user || ' ' || current_setting('jit') || ' ' || current_setting('idle_session_timeout')"),
            "dbowner on 0");
}

TEST_F(Pooler, InTransactionModeIsTheReasonThatCommandsGive) {
  const PrivatePgbouncer pooler(*postgres_, {"pool_mode = transaction"});
  for (const char* command : {"migrate", "verify", "doctor"}) {
    const Finished finished = run({hermes_command(), command}, environment(pooler));
    EXPECT_NE(finished.exit_code, 0);
    EXPECT_THAT(finished.output + finished.errors, HasSubstr("pool_mode = session")) << command;
  }
}

TEST_F(Pooler, InStatementModeIsRefusedWithWhatToDo) {
  const PrivatePgbouncer pooler(*postgres_, {"pool_mode = statement"});
  EXPECT_THAT(refusal(pooler), HasSubstr("pool_mode = session"));
}

TEST_F(Pooler, WithoutAFreeSessionIsNamedAsThat) {
  const PrivatePgbouncer pooler(*postgres_, {"pool_mode = session", "default_pool_size = 1", "query_wait_timeout = 1"});
  Database holder(as(pooler));
  EXPECT_THAT(refusal(pooler), AllOf(HasSubstr("query_wait_timeout"), HasSubstr("pool_size")));
}

}  // namespace
}  // namespace hermes
