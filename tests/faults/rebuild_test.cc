// Proves that a rebuild that is ended in any of its phases, by whatever means, leaves the live tables as they were, and that
// the next run removes what it left and succeeds. Two ways: it is held in a phase by a lock that it needs there, and ended; and
// it is ended at random moments.
#include <gmock/gmock.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <thread>

#include "bench/stack.h"
#include "tests/support/chat_load.h"
#include "tests/support/eventually.h"
#include "tests/support/persistent_handler.h"
#include "tests/support/read_models.h"

namespace hermes::test_support {
namespace {

using private_servers::PrivatePostgres;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kMessages = 12'000;  // about 40,000 events

class RebuildFaults : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    stack = std::make_unique<bench::Stack>(hermes_command());
    PersistentHandler writer(stack->postgres().settings());
    for (int n = 0; n < kMessages; n += 1'000) writer.handle(batch(some_chat(n, n + 1'000)));
    projector = std::make_unique<bench::Service>(stack->projector());
    projector->start();
    projector->wait_ready();
    Database database(stack->postgres().settings());
    ASSERT_TRUE(eventually([&] { return is_caught_up(database); }));
    next_message = kMessages;
  }
  static void TearDownTestSuite() {
    projector.reset();
    stack.reset();
  }
  static std::unique_ptr<bench::Stack> stack;
  static std::unique_ptr<bench::Service> projector;
  static int next_message;

  void SetUp() override {
    database = std::make_unique<Database>(settings());
    contents_before = contents_of_all(*database);
    tables_before = tables();
  }

  // By their identity, not by their name.
  std::string tables() {
    return database->value("SELECT 'chat_messages'::regclass::oid || ' ' || 'message_status'::regclass::oid");
  }

  static postgres::Settings settings() { return stack->postgres().settings(); }

  class Run {
   public:
    explicit Run(std::filesystem::path output)
        : process_(private_servers::Process::start({stack->hermes(), "rebuild", "chat", "--json"},
                                                   {.environment = stack->environment(), .output = std::move(output)})) {}
    std::string output() const { return process_.output(); }
    // The phase that it told of last.
    std::string phase() const {
      const std::string text = output();
      const std::string label = "\"phase\":\"";
      const std::size_t begin = text.rfind(label);
      if (begin == std::string::npos) return "";
      return text.substr(begin + label.size(), text.find('"', begin + label.size()) - begin - label.size());
    }
    bool done() const { return output().find("\"event\":\"done\"") != std::string::npos; }
    bool reaches(const std::string& phase) {
      return eventually([&] { return this->phase() == phase || done() || !process_.running(); }) && this->phase() == phase;
    }
    bool running() { return process_.running(); }
    int end(int signal) {
      process_.kill(signal);
      return process_.wait().value_or(-1);
    }
    int wait() { return process_.wait().value_or(-1); }

   private:
    private_servers::Process process_;
  };
  Run run() { return Run(folder_ / ("run-" + std::to_string(++runs_))); }

  // Waits in the database for somebody else's lock. False if it ends first.
  bool waits_for_a_lock(Run& rebuild) {
    const auto waits = [&] {
      return database->value(
                 "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'hermes rebuild' AND wait_event_type = "
                 "'Lock'") == "t";
    };
    return eventually([&] { return waits() || !rebuild.running(); }) && rebuild.running();
  }

  void expect_live_tables_as_they_were() {
    EXPECT_EQ(tables(), tables_before);
    EXPECT_TRUE(contents_of_all(*database) == contents_before);
  }

  // A killed process's sessions end when the server notices, some milliseconds later.
  bool its_sessions_end() {
    return eventually([&] { return database->value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0"; });
  }

  void expect_the_next_run_to_succeed() {
    ASSERT_TRUE(its_sessions_end());
    Run next = run();
    EXPECT_EQ(next.wait(), 0) << next.output();
    EXPECT_EQ(database->value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'hermes_re%'"), "0");
    EXPECT_NE(tables(), tables_before);
    EXPECT_TRUE(contents_of_all(*database) == contents_before);
  }

  // Ends a run in a phase where it waits for what a transaction that has run `held` holds.
  void end_where_it_waits(const std::string& phase, const std::string& held, int signal) {
    {
      const OpenTransaction holder(settings(), held);
      Run rebuild = run();
      ASSERT_TRUE(rebuild.reaches(phase));
      ASSERT_TRUE(waits_for_a_lock(rebuild));
      EXPECT_EQ(rebuild.end(signal), 128 + signal);
    }
    expect_live_tables_as_they_were();
    expect_the_next_run_to_succeed();
  }

  void write(int messages) {
    PersistentHandler writer(settings());
    writer.handle(batch(some_chat(next_message, next_message + messages)));
    next_message += messages;
  }

  std::unique_ptr<Database> database;
  std::string contents_before;
  std::string tables_before;

 private:
  TemporaryFolder folder_;
  int runs_ = 0;
};

std::unique_ptr<bench::Stack> RebuildFaults::stack;
std::unique_ptr<bench::Service> RebuildFaults::projector;
int RebuildFaults::next_message = 0;

TEST_F(RebuildFaults, KilledWhenItHasItsLockAndNothingElse) {
  end_where_it_waits("prepare", "CREATE SCHEMA hermes_rebuild_chat", SIGKILL);
}

TEST_F(RebuildFaults, KilledWhileItMakesTheShadowTables) {
  end_where_it_waits("prepare", "LOCK TABLE message_status IN ACCESS EXCLUSIVE MODE", SIGKILL);
}

TEST_F(RebuildFaults, KilledWhileItLoads) {
  end_where_it_waits("load", "LOCK TABLE event_log IN ACCESS EXCLUSIVE MODE", SIGKILL);
}

TEST_F(RebuildFaults, KilledWhileItMakesIndexes) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    Run rebuild = run();
    ASSERT_TRUE(rebuild.reaches("load"));
    // Whoever makes an index on a shadow table waits; who fills it, too.
    eventually([&] { return rebuild.phase() != "load"; });
    rebuild.end(SIGKILL);
    expect_live_tables_as_they_were();
    if (rebuild.phase() == "index") {
      expect_the_next_run_to_succeed();
      return;
    }
  }
  FAIL() << "never killed in this phase";
}

TEST_F(RebuildFaults, KilledWhileItCatchesUp) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    Run rebuild = run();
    ASSERT_TRUE(rebuild.reaches("load"));
    write(50);
    ASSERT_TRUE(eventually([&] { return is_caught_up(*database); }));
    contents_before = contents_of_all(*database);
    eventually([&] { return rebuild.phase() != "load"; });
    bool held = false;
    {
      const OpenTransaction log(settings(), "LOCK TABLE event_log IN ACCESS EXCLUSIVE MODE");
      held = rebuild.reaches("catch up") && waits_for_a_lock(rebuild);
      rebuild.end(SIGKILL);
    }
    if (held) {
      expect_live_tables_as_they_were();
      expect_the_next_run_to_succeed();
      return;
    }
    tables_before = tables();
  }
  FAIL() << "never killed in this phase";
}

TEST_F(RebuildFaults, KilledWhileTheSwapWaitsForReaders) {
  end_where_it_waits("swap", "SELECT count(*) FROM message_status", SIGKILL);
}

// The tables are locked, the first of them has perhaps a new schema, nothing is committed.
TEST_F(RebuildFaults, KilledInTheMiddleOfTheExchange) {
  {
    Run rebuild = run();
    ASSERT_TRUE(rebuild.reaches("load"));
    const OpenTransaction target(settings(), "DROP SCHEMA hermes_replaced_chat");
    ASSERT_TRUE(rebuild.reaches("swap"));
    ASSERT_TRUE(waits_for_a_lock(rebuild));
    rebuild.end(SIGKILL);
  }
  expect_live_tables_as_they_were();
  expect_the_next_run_to_succeed();
}

// Committed: the new tables serve, the old ones are debris.
TEST_F(RebuildFaults, KilledWhileItCleansUp) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    Run rebuild = run();
    eventually([&] { return rebuild.phase() == "clean up" || !rebuild.running(); });
    rebuild.end(SIGKILL);
    EXPECT_NE(tables(), tables_before);
    EXPECT_TRUE(contents_of_all(*database) == contents_before);
    const bool debris = database->value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'hermes_re%'") != "0";
    tables_before = tables();
    if (debris) {
      expect_the_next_run_to_succeed();
      return;
    }
  }
  FAIL() << "never killed in this phase";
}

TEST_F(RebuildFaults, KilledAtRandomMoments) {
  const auto start = std::chrono::steady_clock::now();
  Run whole = run();
  ASSERT_EQ(whole.wait(), 0) << whole.output();
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
  std::mt19937 random(std::random_device{}());
  std::map<std::string, int> killed_in;
  for (int kill = 0; kill < 12; ++kill) {
    Run rebuild = run();
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution<long>(0, milliseconds)(random)));
    rebuild.end(SIGKILL);
    ++killed_in[rebuild.done() ? "done" : rebuild.phase()];
    EXPECT_TRUE(contents_of_all(*database) == contents_before) << "killed in " << rebuild.phase();
    ASSERT_TRUE(its_sessions_end());
  }
  tables_before = tables();
  expect_the_next_run_to_succeed();
  for (const auto& [phase, times] : killed_in) std::cout << "killed in '" << phase << "': " << times << "\n";
}

TEST_F(RebuildFaults, InterruptedByCtrlC) {
  end_where_it_waits("load", "LOCK TABLE event_log IN ACCESS EXCLUSIVE MODE", SIGINT);
}

TEST_F(RebuildFaults, ASecondRunIsRefusedWhileOneRuns) {
  {
    const OpenTransaction log(settings(), "LOCK TABLE event_log IN ACCESS EXCLUSIVE MODE");
    Run first = run();
    ASSERT_TRUE(first.reaches("load"));
    Run second = run();
    EXPECT_EQ(second.wait(), 1);
    EXPECT_THAT(second.output(), HasSubstr("running already"));
    first.end(SIGKILL);
  }
  expect_live_tables_as_they_were();
  expect_the_next_run_to_succeed();
}

class DatabaseRestarted : public RebuildFaults {
 protected:
  void restart_where_it_waits(const std::string& phase, const std::string& held) {
    const OpenTransaction holder(settings(), held);
    Run rebuild = run();
    ASSERT_TRUE(rebuild.reaches(phase));
    ASSERT_TRUE(waits_for_a_lock(rebuild));
    restart_and_expect_as_before(rebuild);
  }
  void restart_and_expect_as_before(Run& rebuild) {
    stack->postgres().restart(PrivatePostgres::Stop::immediate);
    EXPECT_EQ(rebuild.wait(), 3) << rebuild.output();
    EXPECT_THAT(rebuild.output(), HasSubstr("lost the connection to PostgreSQL"));
    database = std::make_unique<Database>(settings());
    expect_live_tables_as_they_were();
    expect_the_next_run_to_succeed();
    projector->wait_ready();  // by itself
  }
};

TEST_F(DatabaseRestarted, DuringTheLoad) { restart_where_it_waits("load", "LOCK TABLE event_log IN ACCESS EXCLUSIVE MODE"); }

TEST_F(DatabaseRestarted, DuringTheSwap) { restart_where_it_waits("swap", "SELECT count(*) FROM message_status"); }

TEST_F(DatabaseRestarted, InTheMiddleOfTheExchange) {
  Run rebuild = run();
  ASSERT_TRUE(rebuild.reaches("load"));
  const OpenTransaction target(settings(), "DROP SCHEMA hermes_replaced_chat");
  ASSERT_TRUE(rebuild.reaches("swap"));
  ASSERT_TRUE(waits_for_a_lock(rebuild));
  restart_and_expect_as_before(rebuild);
}

// Under load, at a random moment: it takes effect or it does not, and nothing else happens.
TEST_F(DatabaseRestarted, AtARandomMomentUnderLoad) {
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < 3; ++round) {
    ChatLoad load(settings(), next_message, 200);
    Run rebuild = run();
    ASSERT_TRUE(rebuild.reaches("load"));
    std::this_thread::sleep_for(std::chrono::milliseconds(std::uniform_int_distribution(0, 2'500)(random)));
    stack->postgres().restart(PrivatePostgres::Stop::immediate);
    rebuild.wait();
    next_message = load.stop();
    database = std::make_unique<Database>(settings());
    ASSERT_TRUE(eventually([&] { return is_caught_up(*database); }));
    EXPECT_THAT(faults_of_read_models(settings()), IsEmpty());
  }
  contents_before = contents_of_all(*database);
  tables_before = tables();
  expect_the_next_run_to_succeed();
}

}  // namespace
}  // namespace hermes::test_support
