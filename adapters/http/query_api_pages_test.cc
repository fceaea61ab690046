// Pages at their limits: one that is just full has no next, and with one entry more there is one, of just that entry.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/eventually.h"
#include "tests/support/query_api_fixture.h"

namespace hermes::http {
namespace {

using namespace test_support;

class QueryApiPages : public QueryApiFixture {
 protected:
  static std::size_t count(const Answer& page, const std::string& of) { return page.body.at(of).as_array().size(); }
  static std::string next(const Answer& page) {
    return page.body.at("next").is_null() ? "" : std::string(page.body.at("next").as_string());
  }
  // Of a list of three entries.
  void expect_pages_at_the_limit(const std::string& path, const std::string& of, const std::string& after) {
    const std::string separator = path.find('?') == std::string::npos ? "?" : "&";
    const Answer full = get(path + separator + "limit=3");
    ASSERT_EQ(full.status, 200) << path << full.body;
    EXPECT_EQ(count(full, of), 3u) << path;
    EXPECT_EQ(next(full), "") << path;
    const Answer first = get(path + separator + "limit=2");
    EXPECT_EQ(count(first, of), 2u) << path;
    ASSERT_NE(next(first), "") << path;
    const Answer second = get(path + separator + "limit=2&" + after + "=" + next(first));
    ASSERT_EQ(second.status, 200) << path << second.body;
    EXPECT_EQ(count(second, of), 1u) << path;
    EXPECT_EQ(next(second), "") << path;
    for (const auto& entry : second.body.at(of).as_array()) {
      for (const auto& before : first.body.at(of).as_array()) EXPECT_NE(entry, before) << path;
    }
  }
  void insert_conversations(int count) {
    database_->execute(
        "INSERT INTO inbox SELECT 'david', 'peer-' || i, 1, 'm', 'peer-' || i, 'text', now(), now(), 0, i FROM "
        "generate_series(1, " +
        std::to_string(count) + ") i");
  }
};

TEST_F(QueryApiPages, OfAConversationEndWithItsLastMessage) {
  insert_messages(0, 3);
  expect_pages_at_the_limit("/v1/messages?user=david&with=fredy", "messages", "before");
}

TEST_F(QueryApiPages, OfBroadcastsEndWithTheLastOne) {
  insert_messages(0, 3);
  database_->execute("UPDATE chat_messages SET receiver_id = 'all'");
  expect_pages_at_the_limit("/v1/messages?user=david&with=all", "messages", "before");
  expect_pages_at_the_limit("/v1/messages?user=david", "messages", "before");
}

// 40 peers, three messages each, several at each time and in both directions; of some peers all are older than what others said
// last.
TEST_F(QueryApiPages, OfAUserWithManyPeersAreAllMessagesInOrderWhateverThePagesSize) {
  database_->execute(
      "INSERT INTO chat_messages (message_id, sender_id, sender_name, receiver_id, content, created_at) "
      "SELECT 'm' || p || '-' || n, CASE n % 2 WHEN 0 THEN 'david' ELSE 'peer-' || p END, 'X', CASE n % 2 WHEN 0 THEN 'peer-' "
      "|| p ELSE "
      "'david' END, 'text', timestamptz '2026-01-01' + (p / 4 + n * (p % 3)) * interval '1 s' FROM generate_series(1, 40) p, "
      "generate_series(1, 3) n; "
      "INSERT INTO inbox SELECT 'david', 'peer-' || p, 0, 'm' || p || '-3', 'david', 'text', max(created_at), max(created_at), "
      "0, p "
      "FROM generate_series(1, 40) p JOIN chat_messages ON 'peer-' || p IN (sender_id, receiver_id) GROUP BY p");
  const auto in_order = database_->column("SELECT message_id FROM chat_messages ORDER BY created_at DESC, id DESC");
  ASSERT_EQ(in_order.size(), 120u);
  for (const char* limit : {"1", "3", "7", "50", "500"}) {
    std::vector<std::string> read;
    std::string before;
    do {
      const Answer page = get("/v1/messages?user=david&limit=" + std::string(limit) + before);
      ASSERT_EQ(page.status, 200) << page.body;
      for (const auto& message : page.body.at("messages").as_array()) read.emplace_back(message.at("message_id").as_string());
      before = next(page).empty() ? "" : "&before=" + next(page);
    } while (!before.empty());
    EXPECT_EQ(read, in_order) << limit;
  }
}

TEST_F(QueryApiPages, OfAUserLookAtAsManyConversationsAsTheyHaveRows) {
  database_->execute(
      "INSERT INTO inbox SELECT 'david', 'peer-' || i, 1, 'm', 'peer-' || i, 'text', timestamptz '2026-01-01' + i * interval "
      "'1 ms', "
      "now(), 0, i FROM generate_series(1, 20000) i; ANALYZE inbox");
  const auto scans = [&] {
    return std::stoll(
        database_->value("SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes WHERE relname = 'chat_messages'"));
  };
  const auto before = scans();
  ASSERT_EQ(get("/v1/messages?user=david&limit=10").status, 200);
  EXPECT_TRUE(eventually([&] { return scans() > before; }));
  EXPECT_LE(scans() - before, 3 * 11) << "two directions of each, and the broadcasts";
}

TEST_F(QueryApiPages, OfStatusesEndWithTheLastOne) {
  insert_messages(0, 1);
  database_->execute(
      "INSERT INTO message_status (id, message_id, status, user_id) SELECT i, 'm0', 'read', 'user-' || i FROM "
      "generate_series(0, 2) i");
  expect_pages_at_the_limit("/v1/messages/m0/status", "statuses", "after");
  const Answer behind_the_last = get("/v1/messages/m0/status?after=2");
  EXPECT_EQ(behind_the_last.status, 200) << "the message is there";
  EXPECT_EQ(count(behind_the_last, "statuses"), 0u);
}

TEST_F(QueryApiPages, OfUsersEndWithTheLastOne) {
  database_->execute(
      "INSERT INTO inbox SELECT 'user-' || i, 'david', 1, 'm', 'david', 'text', now(), now(), 0, i FROM generate_series(1, 3) "
      "i");
  expect_pages_at_the_limit("/v1/users", "users", "after");
}

TEST_F(QueryApiPages, OfAnInboxHaveNoMoreThanTheirLimitAndCountAll) {
  insert_conversations(3);
  for (const std::size_t limit : {2, 3, 4}) {
    const Answer inbox = get("/v1/inbox/david?limit=" + std::to_string(limit));
    EXPECT_EQ(count(inbox, "conversations"), std::min<std::size_t>(limit, 3));
    EXPECT_EQ(inbox.body.at("unread_count"), 3) << "of all conversations";
  }
}

TEST_F(QueryApiPages, OfUndeliveredMessagesHaveNoMoreThanTheirLimit) {
  insert_messages(0, 6);  // every second one is for david
  database_->execute("INSERT INTO inbox VALUES ('david', 'fredy', 3, 'm', 'fredy', 'text', now(), now(), 0, 1)");
  for (const std::size_t limit : {2, 3, 4}) {
    EXPECT_EQ(count(get("/v1/inbox/david/undelivered?limit=" + std::to_string(limit)), "messages"),
              std::min<std::size_t>(limit, 3));
  }
}

TEST_F(QueryApiPages, MayBeginAtTheLastMomentThatThereIs) {
  const std::string id = ".00000000-0000-0000-0000-000000000000";
  EXPECT_EQ(get("/v1/messages?user=david&before=253402300799999999" + id).status, 200);
  EXPECT_EQ(get("/v1/messages?user=david&before=253402300800000000" + id).status, 400);
  EXPECT_EQ(get("/v1/messages?user=david&before=0" + id).status, 200);
}

TEST_F(QueryApiPages, OfReceiptsAreOfAHundredMessagesAtMost) {
  std::string ids = "m";
  for (int i = 1; i < 100; ++i) ids += "/m";
  EXPECT_EQ(get("/v1/inbox/david/receipts?messages=" + ids).status, 200);
  EXPECT_EQ(get("/v1/inbox/david/receipts?messages=" + ids + "/m").status, 400);
}

// Each by itself: the role may not write either, and the server would let a query run for ever.
TEST_F(QueryApiPages, AreReadInSessionsThatCannotWriteAndEndWhatTakesTooLong) {
  auto lease = pool_->take(std::chrono::seconds(10));
  ASSERT_TRUE(lease);
  const auto setting = [&](const std::string& name) {
    pqxx::nontransaction query(**lease);
    return query.exec1("SHOW " + name)[0].as<std::string>();
  };
  EXPECT_EQ(setting("default_transaction_read_only"), "on");
  EXPECT_EQ(setting("statement_timeout"), "5s");
}

}  // namespace
}  // namespace hermes::http
