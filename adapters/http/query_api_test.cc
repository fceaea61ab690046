// The query service (docs/openapi.yaml) over HTTP, on a real database: what it answers.
#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "adapters/http/query_json.h"
#include "eventstore/commands/command_handler.h"
#include "eventstore/log/event_reader.h"
#include "eventstore/log/timeline.h"
#include "projections/read_models/broadcast_receipts.h"
#include "projections/read_models/projection.h"
#include "tests/support/eventually.h"
#include "tests/support/query_api_fixture.h"

namespace hermes::http {
namespace {

using namespace test_support;
using domain::Status;
using testing::ElementsAre;

namespace json = boost::json;

class QueryApiTest : public QueryApiFixture {
 protected:
  // Appends by the real handler and folds into the read models.
  void handle(std::vector<domain::Command> commands) {
    auto connection = *postgres::connect(log_->settings("hermes_ingester"));
    eventstore::CommandHandler handler(*connection, {});
    auto handled = handler.handle(batch(std::move(commands)));
    ASSERT_TRUE(handled) << handled.error().detail;
    auto projector = *postgres::connect(log_->settings("hermes_projector"));
    pqxx::work transaction(*projector);
    const auto ends = eventstore::read_heads(*projector);
    for (std::size_t partition = 0; partition < ends.size(); ++partition) {
      const auto events =
          eventstore::read_partition(*projector, static_cast<eventstore::Partition>(partition), folded_[partition], 10'000);
      folded_[partition] = ends[partition];
      if (events.events.empty()) continue;
      for (const projections::Projection* projection : projections::all_projections()) {
        projection->apply(events.events, {*projector, transaction, static_cast<int>(ends.size())});
      }
    }
    transaction.commit();
  }

  std::vector<std::string> walk(const std::string& query, const std::function<void()>& between_pages = {}) const {
    std::vector<std::string> ids;
    std::string before;
    do {
      const Answer page = get("/v1/messages?" + query + (before.empty() ? "" : "&before=" + before));
      EXPECT_EQ(page.status, 200) << page.body;
      if (page.status != 200) break;
      for (const json::value& entry : page.body.at("messages").as_array()) ids.emplace_back(entry.at("message_id").as_string());
      before = page.body.at("next").is_null() ? "" : std::string(page.body.at("next").as_string());
      if (between_pages) between_pages();
    } while (!before.empty());
    return ids;
  }

 private:
  std::map<std::size_t, eventstore::Offset> folded_;
};

TEST_F(QueryApiTest, HistoryShowsEachMessageOnceWithItsFurthestStatus) {
  handle({message("m1"), receipt("m1", Status::read), receipt("m1", Status::delivered), message("m2", "david", "fredy"),
          message("m3"), receipt("m3", Status::delivered), message("other", "fredy", "erin")});
  const Answer page = get("/v1/messages?user=david&with=fredy");
  ASSERT_EQ(page.status, 200) << page.body;
  EXPECT_EQ(page.content_type, "application/json");
  std::map<std::string, json::value> by_id;
  for (const json::value& entry : page.body.at("messages").as_array())
    by_id[std::string(entry.at("message_id").as_string())] = entry;
  ASSERT_EQ(by_id.size(), 3u) << page.body;
  // The late delivery is recorded, but read is further.
  EXPECT_EQ(by_id["m1"].at("status").at("status"), "read");
  EXPECT_EQ(by_id["m1"].at("status").at("user_id"), "david");
  EXPECT_EQ(by_id["m1"].at("delivered_count"), 1);
  EXPECT_EQ(by_id["m3"].at("delivered_count"), 1);
  EXPECT_EQ(by_id["m3"].at("read_count"), 0);
  EXPECT_EQ(get("/v1/messages?user=david&limit=500").status, 200) << "the largest page";
  EXPECT_EQ(by_id["m2"].at("status").at("status"), "received_by_server");
  EXPECT_EQ(page.body.at("next"), nullptr);
}

TEST_F(QueryApiTest, TellsWhichReceiptsOfAUserAreThere) {
  handle({message("m1"), receipt("m1", Status::delivered), receipt("m1", Status::read), message("m2"),
          message("to-all", "fredy", "all"), receipt("to-all", Status::read), receipt("to-all", Status::read, "erin"),
          message("of-erin", "fredy", "erin"), receipt("of-erin", Status::read, "erin")});
  const Answer answer = get("/v1/inbox/david/receipts?messages=m1%2Fm2/to-all/of-erin/unknown");
  ASSERT_EQ(answer.status, 200) << answer.body;
  std::vector<std::string> receipts;
  for (const json::value& entry : answer.body.at("receipts").as_array())
    receipts.push_back(std::string(entry.at("message_id").as_string()) + " " + std::string(entry.at("status").as_string()));
  EXPECT_THAT(receipts, ElementsAre("m1 delivered", "m1 read", "to-all read"));
  EXPECT_EQ(get("/v1/inbox/david/receipts").status, 400);
  EXPECT_EQ(get("/v1/inbox/david/receipts?messages=m1//m2").body.at("parameter"), "messages");
  std::string many = "m";
  for (int i = 0; i < 100; ++i) many += "/m";
  EXPECT_EQ(get("/v1/inbox/david/receipts?messages=" + many).status, 400);
}

TEST_F(QueryApiTest, HistoryOfAUserHoldsAllConversationsAndBroadcasts) {
  handle({message("to-david"), message("from-david", "david", "erin"), message("to-all", "fredy", "all"),
          message("not-for-david", "fredy", "erin"), message("to-himself", "david", "david")});
  const auto ids = walk("user=david");
  EXPECT_THAT(ids, testing::UnorderedElementsAre("to-david", "from-david", "to-all", "to-himself"));
  EXPECT_THAT(walk("user=david&limit=1"), testing::UnorderedElementsAreArray(ids));
  EXPECT_THAT(walk("user=erin&with=all"), ElementsAre("to-all"));
  EXPECT_THAT(walk("user=david&with=david"), ElementsAre("to-himself"));
}

TEST_F(QueryApiTest, PagingNeitherSkipsNorRepeatsUnderConcurrentInserts) {
  int there = 1000;
  insert_messages(0, there);
  for (const std::string query : {"user=david&with=fredy&limit=50", "user=david&with=fredy&limit=3"}) {
    const auto at_start = database_->column("SELECT message_id FROM chat_messages");
    int pages = 0;
    const auto ids = walk(query, [&] {
      if (++pages % 10 != 1) return;
      insert_messages(there, there + 9);  // the first of them at the very time of the newest before them
      there += 9;
    });
    const std::set<std::string> seen(ids.begin(), ids.end());
    EXPECT_EQ(seen.size(), ids.size()) << "a message came twice";
    for (const std::string& id : at_start) EXPECT_TRUE(seen.contains(id)) << id << " was skipped";
  }
}

TEST_F(QueryApiTest, PagesAreNewestFirstAcrossBothDirections) {
  insert_messages(0, 100);
  const auto ids = walk("user=fredy&with=david&limit=7");
  const auto expected = database_->column("SELECT message_id FROM chat_messages ORDER BY created_at DESC, id DESC");
  EXPECT_EQ(ids, expected);
}

TEST_F(QueryApiTest, APageReadsAsManyRowsAsItShowsHoweverLargeTheTable) {
  // Ten conversations of 10,000 messages; the statistics collector tells what the service itself read.
  database_->execute(
      "INSERT INTO chat_messages (message_id, sender_id, sender_name, receiver_id, content, created_at) "
      "SELECT 'm' || i, 'u' || (i % 5), 'U', 'u' || (i / 5 % 2 + 5), 'text', timestamptz '2026-01-01' + i * interval '1 ms' "
      "FROM generate_series(1, 50000) i "
      "UNION ALL "
      "SELECT 'n' || i, 'u' || (i / 5 % 2 + 5), 'U', 'u' || (i % 5), 'text', timestamptz '2026-01-01' + i * interval '1 ms' "
      "FROM generate_series(1, 50000) i");
  database_->execute("ANALYZE chat_messages");
  const auto sum = [&](const std::string& what) {
    return std::stoll(
        database_->value("SELECT coalesce(sum(" + what + "), 0) FROM pg_stat_user_indexes WHERE relname = 'chat_messages'"));
  };
  const auto sequential = [&] {
    return std::stoll(database_->value("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'chat_messages'"));
  };
  EXPECT_TRUE(eventually([&] {
    return database_->value("SELECT n_live_tup > 0 FROM pg_stat_user_tables WHERE relname = 'chat_messages'") == "t";
  }));
  const auto scans_before = sum("idx_scan");
  const auto read_before = sum("idx_tup_read");
  const auto sequential_before = sequential();

  std::string before;
  constexpr int kPages = 20;
  for (int i = 0; i < kPages; ++i) {
    const Answer page = get("/v1/messages?user=u3&with=u5&limit=50" + (before.empty() ? "" : "&before=" + before));
    ASSERT_EQ(page.status, 200);
    before = std::string(page.body.at("next").as_string());
  }
  EXPECT_TRUE(eventually([&] { return sum("idx_scan") - scans_before >= 2 * kPages; }));
  EXPECT_LE(sum("idx_tup_read") - read_before, kPages * 2 * 60);
  EXPECT_EQ(sequential(), sequential_before);
}

TEST_F(QueryApiTest, ABroadcastTellsItsReceiptsAndTheFurthestStatus) {
  handle({message("b1", "fredy", "all"), message("b2", "fredy", "all"), receipt("b1", Status::delivered, "erin")});
  handle({receipt("b1", Status::read, "david"), receipt("b1", Status::delivered, "greta"),
          receipt("b1", Status::delivered, "david")});
  const json::value entry = get("/v1/messages/b1").body;
  EXPECT_EQ(entry.at("status").at("status"), "read");
  EXPECT_EQ(entry.at("status").at("user_id"), "david");
  EXPECT_EQ(entry.at("delivered_count"), 3);
  EXPECT_EQ(entry.at("read_count"), 1);
  handle({receipt("b1", Status::read, "erin"), receipt("b1", Status::delivered, "hanna")});
  EXPECT_EQ(get("/v1/messages/b1").body.at("status").at("user_id"), "erin");
  EXPECT_EQ(get("/v1/messages/b1").body.at("read_count"), 2);
  const json::value without_receipts = get("/v1/messages/b2").body;
  EXPECT_EQ(without_receipts.at("status").at("status"), "received_by_server");
  EXPECT_EQ(without_receipts.at("delivered_count"), 0);
}

TEST_F(QueryApiTest, APageReadsNoMoreStatusesHoweverManyReceiptsItsBroadcastsHave) {
  // Two broadcasts, of ten receipts and of 20,000, as the projection makes them; the statistics collector tells what was read.
  database_->execute(
      "INSERT INTO chat_messages (message_id, sender_id, sender_name, receiver_id, content, created_at) "
      "SELECT 'b' || recipients, 'fredy', 'F', 'all', 'text', '2026-01-01' FROM unnest(ARRAY[5, 10000]) recipients;"
      "INSERT INTO message_status (id, message_id, status, \"timestamp\", user_id) "
      "SELECT row_number() OVER (), 'b' || recipients, status, '2026-01-02', 'u' || n "
      "FROM unnest(ARRAY[5, 10000]) recipients, generate_series(1, recipients) n, unnest(ARRAY['delivered', 'read']) status;" +
      std::string(projections::kCountBroadcastReceipts));
  database_->execute("ANALYZE chat_messages, message_status, broadcast_receipts");
  database_->execute("SELECT pg_stat_force_next_flush()");  // what this session has read so far
  const auto read = [&] {
    return std::stoll(database_->value(
        "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'message_status') + (SELECT seq_tup_read "
        "FROM pg_stat_user_tables WHERE relname = 'message_status')"));
  };
  const auto pages = [&] {
    return std::stoll(
        database_->value("SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = 'broadcast_receipts'"));
  };
  const auto read_before = read();
  const auto pages_before = pages();
  for (const std::string path : {"/v1/messages?user=erin", "/v1/messages?user=erin&with=all", "/v1/messages/b10000",
                                 "/v1/inbox/erin/undelivered?broadcasts=true"}) {
    const Answer answer = get(path);
    ASSERT_EQ(answer.status, 200) << answer.body;
    if (const json::value* list = answer.body.as_object().if_contains("messages")) {
      EXPECT_EQ(list->as_array().size(), 2u) << path;
    }
  }
  EXPECT_EQ(get("/v1/messages/b10000").body.at("delivered_count"), 10'000);
  EXPECT_TRUE(eventually([&] { return pages() - pages_before >= 8; })) << pages() - pages_before;
  EXPECT_LE(read() - read_before, 10);
}

TEST_F(QueryApiTest, AMessageItsStatusesAndItsTimeline) {
  handle({message("m 1 ü?"), receipt("m 1 ü?", Status::delivered)});
  const std::string path = "/v1/messages/m%201%20%C3%BC%3F";
  EXPECT_EQ(get(path).body.at("content"), "hello");
  const Answer statuses = get(path + "/status?limit=2");
  ASSERT_EQ(statuses.body.at("statuses").as_array().size(), 2u);
  EXPECT_EQ(statuses.body.at("statuses").at(0).at("status"), "sent");
  const Answer rest = get(path + "/status?limit=2&after=" + std::string(statuses.body.at("next").as_string()));
  EXPECT_EQ(rest.body.at("statuses").at(0).at("status"), "delivered");
  EXPECT_EQ(rest.body.at("next"), nullptr);
  EXPECT_EQ(get(path + "/timeline").body.at("steps").as_array().size(), 3u);
  for (const std::string missing : {"/v1/messages/none", "/v1/messages/none/status", "/v1/messages/none/timeline"}) {
    const Answer answer = get(missing);
    EXPECT_EQ(answer.status, 404) << missing;
    EXPECT_EQ(answer.content_type, "application/problem+json");
  }
}

TEST_F(QueryApiTest, ATimelineReadsNoMoreEventsThanItIsAskedFor) {
  handle({message("b1", "fredy", "all"), receipt("b1", Status::read, "david"), receipt("b1", Status::read, "erin")});
  auto connection = *postgres::connect(log_->settings("hermes_reader"));
  const auto cut = eventstore::read_timeline(*connection, "b1", std::nullopt, 3);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->steps.size(), 3u);
  EXPECT_EQ(to_json(*cut).at("truncated"), true);
  const auto whole = eventstore::read_timeline(*connection, "b1", std::nullopt, 4);
  EXPECT_EQ(whole->steps.size(), 4u);
  EXPECT_EQ(to_json(*whole).at("truncated"), false);
}

TEST_F(QueryApiTest, InboxAndUsers) {
  handle({message("m1"), message("m2"), message("m3", "erin", "david", "hi"), receipt("m1", Status::read)});
  const Answer inbox = get("/v1/inbox/david");
  EXPECT_EQ(inbox.body.at("unread_count"), 2);
  ASSERT_EQ(inbox.body.at("conversations").as_array().size(), 2u);
  EXPECT_EQ(get("/v1/inbox/nobody").body.at("conversations").as_array().size(), 0u);
  const Answer first = get("/v1/users?limit=2");
  ASSERT_EQ(first.body.at("users").as_array().size(), 2u) << first.body;
  EXPECT_EQ(first.body.at("users").at(0).at("user_id"), "david");
  EXPECT_EQ(first.body.at("users").at(0).at("name"), nullptr);
  const Answer second = get("/v1/users?limit=2&after=" + std::string(first.body.at("next").as_string()));
  ASSERT_EQ(second.body.at("users").as_array().size(), 1u) << second.body;
  EXPECT_EQ(second.body.at("users").at(0).at("user_id"), "fredy");
  EXPECT_TRUE(second.body.at("users").at(0).at("name").is_string());
}

TEST_F(QueryApiTest, UndeliveredAreDirectMessagesWithoutAReceiptOfTheUser) {
  handle({message("new"), message("newer", "erin", "david"), message("got"), receipt("got", Status::delivered),
          message("read-only", "erin", "david"), receipt("read-only", Status::read), message("mine", "david", "fredy"),
          message("to-all", "fredy", "all")});
  const auto undelivered = [&](const std::string& query) {
    const Answer answer = get("/v1/inbox/david/undelivered" + query);
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::multiset<std::string> ids;
    for (const json::value& entry : answer.body.at("messages").as_array()) ids.emplace(entry.at("message_id").as_string());
    return ids;
  };
  EXPECT_THAT(undelivered(""), ElementsAre("new", "newer"));
  EXPECT_EQ(undelivered("?limit=1").size(), 1u);
  handle({receipt("new", Status::delivered)});
  EXPECT_THAT(undelivered(""), ElementsAre("newer"));
}

TEST_F(QueryApiTest, UndeliveredBroadcastsAreThoseOfOthersWithoutAReceiptOfTheUser) {
  handle({message("direct"), message("to-all", "fredy", "all"), message("got", "fredy", "all"),
          receipt("got", Status::delivered), message("own", "david", "all")});
  const auto undelivered = [&](const std::string& user, const std::string& query) {
    const Answer answer = get("/v1/inbox/" + user + "/undelivered" + query);
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::multiset<std::string> ids;
    for (const json::value& entry : answer.body.at("messages").as_array()) ids.emplace(entry.at("message_id").as_string());
    return ids;
  };
  EXPECT_THAT(undelivered("david", "?broadcasts=true"), ElementsAre("direct", "to-all"));
  EXPECT_THAT(undelivered("david", "?broadcasts=false"), ElementsAre("direct"));
  EXPECT_THAT(undelivered("erin", "?broadcasts=true"), ElementsAre("got", "own", "to-all"));
  EXPECT_EQ(get("/v1/inbox/david/undelivered?broadcasts=yes").status, 400);
}

TEST_F(QueryApiTest, ItsConnectionsCanOnlyRead) {
  auto connection = pool_->take(std::chrono::seconds(10));
  ASSERT_TRUE(connection);
  pqxx::work transaction(**connection);
  EXPECT_THROW(transaction.exec("DELETE FROM chat_messages"), pqxx::sql_error);
}

}  // namespace
}  // namespace hermes::http
