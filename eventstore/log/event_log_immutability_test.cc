// Nobody can change the log: a trigger refuses its owner and superusers, missing privileges refuse the services.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eventstore/schema/migrations.h"
#include "tests/support/database.h"
#include "tests/support/servers.h"

namespace hermes::eventstore {
namespace {

using test_support::Database;
using test_support::PrivatePostgres;
using testing::HasSubstr;

class EventLogImmutability : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new PrivatePostgres;
    Database owner(server_->settings());
    ASSERT_TRUE(migrate(owner.connection()));
    owner.execute(
        "INSERT INTO event_log VALUES (0, 0, gen_random_uuid(), 'message/a', 0, 'MessageReceived', 1, 'server', NULL, now(), "
        "'', decode(repeat('00', 32), 'hex'))");
  }
  static void TearDownTestSuite() { delete server_; }

  static std::string refusal(const std::string& sql, const std::string& role = "") {
    postgres::Settings settings = server_->settings();
    settings.role = role;
    Database database(settings);
    try {
      database.execute(sql);
    } catch (const pqxx::sql_error& error) {
      return error.what();
    }
    return "not refused";
  }

  static PrivatePostgres* server_;
};
PrivatePostgres* EventLogImmutability::server_ = nullptr;

TEST_F(EventLogImmutability, HoldsForTheOwner) {
  EXPECT_THAT(refusal("UPDATE event_log SET actor_id = 'eve'"), HasSubstr("event_log is immutable: UPDATE refused"));
  EXPECT_THAT(refusal("DELETE FROM event_log"), HasSubstr("event_log is immutable: DELETE refused"));
  EXPECT_THAT(refusal("TRUNCATE event_log"), HasSubstr("event_log is immutable: TRUNCATE refused"));
  EXPECT_THAT(refusal("INSERT INTO event_log SELECT * FROM event_log ON CONFLICT (partition, \"offset\") "
                      "DO UPDATE SET actor_id = 'eve'"),
              HasSubstr("event_log is immutable: UPDATE refused"));
}

TEST_F(EventLogImmutability, HoldsForSettingsAndHeads) {
  EXPECT_THAT(refusal("UPDATE event_log_settings SET partition_count = 8"), HasSubstr("immutable"));
  EXPECT_THAT(refusal("DELETE FROM event_log_settings"), HasSubstr("immutable"));
  EXPECT_THAT(refusal("DELETE FROM event_log_heads"), HasSubstr("immutable"));
  EXPECT_THAT(refusal("TRUNCATE event_log_heads CASCADE"), HasSubstr("immutable"));
}

TEST_F(EventLogImmutability, HoldsForTheServiceRoles) {
  for (const char* role : {"hermes_ingester", "hermes_projector", "hermes_reader"}) {
    EXPECT_THAT(refusal("UPDATE event_log SET actor_id = 'eve'", role), HasSubstr("permission denied for table event_log"));
    EXPECT_THAT(refusal("DELETE FROM event_log", role), HasSubstr("permission denied for table event_log"));
    EXPECT_THAT(refusal("TRUNCATE event_log", role), HasSubstr("permission denied for table event_log"));
  }
}

TEST_F(EventLogImmutability, OnlyTheIngesterMayInsert) {
  const std::string insert = "INSERT INTO event_log SELECT * FROM event_log WHERE false";
  EXPECT_EQ(refusal(insert, "hermes_ingester"), "not refused");
  EXPECT_THAT(refusal(insert, "hermes_projector"), HasSubstr("permission denied"));
  EXPECT_THAT(refusal(insert, "hermes_reader"), HasSubstr("permission denied"));
}

TEST_F(EventLogImmutability, ReadersReadTablesThatComeLater) {
  Database(server_->settings()).execute("CREATE TABLE later AS SELECT 1 AS one");
  EXPECT_EQ(refusal("SELECT * FROM later", "hermes_reader"), "not refused");
}

}  // namespace
}  // namespace hermes::eventstore
