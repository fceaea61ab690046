// Proves that a message whose acknowledgement its sender has seen is in the log of the standby that took over, once, when the
// primary dies under load and its standby was synchronous; and that with one that lagged behind, nothing but what it lacked is
// lost, and ingester and projector go on from there. The witness is the sender's own list of acknowledged ids, compared with
// the tables by SQL.
#include <gmock/gmock.h>

#include <iostream>

#include "tests/support/eventually.h"
#include "tests/support/log_fixture.h"
#include "tests/support/running_services.h"
#include "tests/support/witness.h"

namespace hermes::test_support {
namespace {

using testing::IsEmpty;

constexpr const char* kStandby = "standby";

class FailOver : public testing::Test {
 protected:
  // What an operator sets: all servers, in whatever order. The standby comes first, so that it is not taken for what it is not.
  Environment both_servers() const {
    return {{"POSTGRES_HOST", "127.0.0.1,127.0.0.1"},
            {"POSTGRES_PORT", std::to_string(standby_->port()) + "," + std::to_string(primary().port())}};
  }
  PrivatePostgres& primary() const { return stack_.postgres(); }

  void make_synchronous() {
    Database database(primary().superuser());
    database.execute("ALTER SYSTEM SET synchronous_standby_names = '" + std::string(kStandby) + "'");
    database.execute("SELECT pg_reload_conf()");
    ASSERT_TRUE(eventually([&] { return database.value("SELECT sync_state FROM pg_stat_replication") == "sync"; }));
  }

  void stop_replication() {
    Database standby(standby_->superuser());
    standby.execute("ALTER SYSTEM SET primary_conninfo = ''");
    standby.execute("SELECT pg_reload_conf()");
    Database database(primary().superuser());
    ASSERT_TRUE(eventually([&] { return database.value("SELECT count(*) FROM pg_stat_replication") == "0"; }));
  }

  void fail_over() {
    primary().stop(PrivatePostgres::Stop::immediate);
    ASSERT_EQ(Database(standby_->superuser()).value("SELECT pg_promote()"), "t");
  }

  static std::int64_t events_in_log(const PrivatePostgres& server) {
    return std::stoll(Database(server.superuser()).value("SELECT coalesce(sum(next_offset), 0) FROM event_log_heads"));
  }
  static bool messages_flow(const PrivatePostgres& server, std::int64_t more = 1) {
    const std::int64_t before = events_in_log(server);
    return eventually([&] { return events_in_log(server) >= before + more; });
  }

  Account account_after(Witness& witness) {
    const Witness::Testimony testimony = witness.finish();
    EXPECT_TRUE(testimony.report.complete) << testimony.report.published - testimony.report.acknowledged
                                           << " messages were never acknowledged";
    EXPECT_EQ(ingester_.stop(), 0);
    Database database(standby_->superuser());
    wait_until_projected(database);
    EXPECT_EQ(projector_.stop(), 0);
    EXPECT_THAT(faults_of_log(database), IsEmpty());
    const Finished verified = run({hermes_command(), "verify"}, both(stack_.environment(), both_servers()));
    EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
    Account account = account_of(database, testimony.acknowledged_ids);
    std::cout << testimony.report.published << " messages, " << testimony.report.sent_again << " sent again; " << account
              << "\n";
    return account;
  }

  static Environment both(const Environment& base, Environment over) {
    over.merge(Environment(base));
    return over;
  }

  mutable bench::Stack stack_{hermes_command()};
  std::unique_ptr<PrivatePostgres> standby_ = PrivatePostgres::standby_of(stack_.postgres(), kStandby);
  RunningServices services_{stack_, both_servers()};
  bench::Service& ingester_ = services_.ingester;
  bench::Service& projector_ = services_.projector;
};

TEST_F(FailOver, ToTheSynchronousStandbyLosesAndDoublesNothing) {
  make_synchronous();
  Witness witness(stack_, faults_rate());
  ASSERT_TRUE(messages_flow(primary(), 20'000));
  fail_over();
  EXPECT_TRUE(messages_flow(*standby_));
  const Account account = account_after(witness);
  EXPECT_TRUE(nothing_lost_or_doubled(account)) << account;
}

// What the standby never had is lost although it was acknowledged, and nothing can bring it back: docs/failures.md says so.
// What is proven is that the services, which have seen more of the log than there is now, carry on with the log as it is.
TEST_F(FailOver, ToAStandbyThatLaggedBehindLosesWhatItLackedAndGoesOn) {
  Witness witness(stack_, faults_rate());
  ASSERT_TRUE(messages_flow(*standby_, 5'000));
  stop_replication();
  ASSERT_TRUE(messages_flow(primary(), 20'000));
  fail_over();
  EXPECT_TRUE(messages_flow(*standby_));
  Account account = account_after(witness);
  EXPECT_GT(account.missing_in_log, 1'000) << "the standby was to lack something";
  EXPECT_EQ(account.missing_in_chat, account.missing_in_log);
  EXPECT_EQ(account.missing_statuses, 2 * account.missing_in_log);
  account.missing_in_log = account.missing_in_chat = account.missing_statuses = 0;
  EXPECT_TRUE(nothing_lost_or_doubled(account)) << account;
}

}  // namespace
}  // namespace hermes::test_support
