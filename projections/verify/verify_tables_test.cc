// hermes verify by its command line, where the log is as it was written and the tables are not what it makes of them.
#include <gmock/gmock.h>

#include "tests/support/eventually.h"
#include "tests/support/verify_fixture.h"

namespace hermes {
namespace {

using namespace test_support;
using domain::Status;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class VerifyTables : public VerifyFixture {};

TEST_F(VerifyTables, FindsAChangedRowOfAReadModel) {
  superuser_->execute("UPDATE message_status SET status = 'read' WHERE message_id = 'm1' AND status = 'delivered'");
  superuser_->execute("UPDATE inbox SET unread_count = 7 WHERE user_id = 'david' AND peer_id = 'fredy'");
  superuser_->execute("DELETE FROM typing_indicators");
  superuser_->execute("INSERT INTO message_status VALUES (-1, 'm1', 'read', now(), 'eve')");
  const auto found = findings();
  EXPECT_THAT(found,
              testing::UnorderedElementsAre(
                  AllOf(HasSubstr("table message_status id="), HasSubstr("status is \"read\", the log says \"delivered\"")),
                  HasSubstr("table message_status id=-1: the log knows no such row"),
                  AllOf(HasSubstr("table inbox user_id=david peer_id=fredy"), HasSubstr("unread_count is 7, the log says 0")),
                  HasSubstr("table typing_indicators sender_id=fredy receiver_id=david: the row is missing")));
  EXPECT_THAT(verify().output, HasSubstr("4 findings"));
}

TEST_F(VerifyTables, FindsAChangedCountOfABroadcast) {
  superuser_->execute("UPDATE broadcast_receipts SET read_count = 7 WHERE message_id = 'm5'");
  EXPECT_THAT(findings(), ElementsAre(AllOf(HasSubstr("table broadcast_receipts message_id=m5"),
                                            HasSubstr("read_count is 7, the log says 1"))));
}

TEST_F(VerifyTables, ComparesTablesUpToTheirCheckpoints) {
  auto connection = *postgres::connect(server_->settings("hermes_ingester"));
  eventstore::CommandHandler handler(*connection, {});
  ASSERT_TRUE(handler.handle(batch({message("later"), receipt("m1", Status::delivered, "zoe")})));
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(VerifyTables, ComparesATableThatARebuildSwapsMeanwhile) {
  Database database(server_->settings());
  OpenTransaction swap(server_->settings(), kSwapOfInbox);
  Process verifying = Process::start({hermes_command(), "verify", "--only", "tables"},
                                     {.environment = environment(), .output = folder_ / "verify.log"});
  ASSERT_TRUE(eventually([&] { return somebody_waits_for_a_lock(database); })) << verifying.output();
  swap.commit();
  EXPECT_EQ(verifying.wait(), 0) << verifying.output();
}

TEST_F(VerifyTables, LeavesColumnsThatAnOperatorAddedAlone) {
  superuser_->execute(
      "ALTER TABLE chat_messages ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('simple', content)) STORED, "
      "ADD COLUMN language text NOT NULL DEFAULT 'en'");
  EXPECT_THAT(findings({"--only", "tables"}), IsEmpty());
}

}  // namespace
}  // namespace hermes
