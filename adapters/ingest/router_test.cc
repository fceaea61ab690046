#include "adapters/ingest/router.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/servers/temporary_folder.h"

namespace hermes::ingest {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

domain::Command status(domain::Status what, std::string_view user) {
  return domain::RecordReceipt{*domain::MessageId::parse("m1"), what, *domain::UserId::parse(user)};
}

TEST(OwnEcho, IsAStatusOfTheServerStatedByTheServer) {
  EXPECT_TRUE(is_own_echo(status(domain::Status::received_by_server, "server")));
  EXPECT_TRUE(is_own_echo(status(domain::Status::sent, "server")));
}

TEST(OwnEcho, IsNotAStatusOfTheServerStatedByAClient) {
  EXPECT_FALSE(is_own_echo(status(domain::Status::received_by_server, "fredy")));
  EXPECT_FALSE(is_own_echo(status(domain::Status::sent, "fredy")));
}

TEST(OwnEcho, IsNotAReceipt) {
  EXPECT_FALSE(is_own_echo(status(domain::Status::delivered, "server")));
  EXPECT_FALSE(is_own_echo(status(domain::Status::read, "server")));
}

constexpr int kPartitions = 16;

std::string message(const std::string& id, const std::string& more = "") {
  return R"({"message_id":")" + id + R"(","sender_id":"fredy","sender_name":"Fredy","receiver_id":"david","content":")" + id +
         "\"" + more + "}";
}
std::string receipt(const std::string& id, const std::string& status, const std::string& user) {
  return R"({"type":"status","message_id":")" + id + R"(","status":")" + status + R"(","user_id":")" + user + "\"}";
}

int partition_of(const std::string& id) {
  return eventstore::partition_of(eventstore::stream_key("message/" + id), kPartitions);
}

// A router on a real spool, with workers that only write down what they are given.
class RouterTest : public testing::Test {
 protected:
  void append(const std::string& payload) {
    ASSERT_TRUE(spool_->append("chat/messages/david", payload, Timestamp())) << payload;
  }

  // Routes all that was appended.
  void route(std::size_t workers) {
    given_.assign(workers, {});
    std::vector<Router::Push> pushes;
    for (std::size_t i = 0; i < workers; ++i) {
      pushes.push_back([this, i](eventstore::Incoming&& incoming) {
        if (takes_nothing_more_) return false;
        given_[i].push_back(std::move(incoming));
        stop_when_done();
        return true;
      });
    }
    router_.run(pushes, kPartitions, ledger_, metrics_);
  }

  // The payloads that a worker was given, in order.
  std::vector<std::string> given(std::size_t worker) const {
    std::vector<std::string> payloads;
    for (const auto& incoming : given_[worker]) payloads.push_back(incoming.raw.payload);
    return payloads;
  }

  void stop_when_done() {
    std::size_t routed = finished_.size();
    for (const auto& one : given_) routed += one.size();
    // What is skipped is told in groups, at the latest when there is nothing left to read.
    if (routed + unfinished_skips_ >= spool_->statistics().records) router_.stop();
  }

  private_servers::TemporaryFolder folder_;
  static std::unique_ptr<spool::Spool> open_spool(const std::filesystem::path& folder) {
    spool::Settings settings;
    settings.folder = folder;
    return *spool::Spool::open(settings);
  }
  std::unique_ptr<spool::Spool> spool_ = open_spool(folder_ / "spool");
  prometheus::Registry registry_;
  Metrics metrics_{registry_};
  Ledger ledger_;
  std::vector<spool::Sequence> finished_;
  std::size_t unfinished_skips_ = 0;
  bool takes_nothing_more_ = false;
  std::vector<std::vector<eventstore::Incoming>> given_;
  Router router_{*spool_, [this](std::span<const spool::Sequence> sequences) {
                   finished_.insert(finished_.end(), sequences.begin(), sequences.end());
                   stop_when_done();
                 }};
};

TEST_F(RouterTest, GivesEachMessageToTheWorkerOfItsPartition) {
  std::vector<std::vector<std::string>> expected(3);
  for (int i = 0; i < 60; ++i) {
    const std::string id = "m" + std::to_string(i);
    append(message(id));
    expected[static_cast<std::size_t>(partition_of(id)) % 3].push_back(message(id));
  }
  route(3);
  for (std::size_t worker = 0; worker < 3; ++worker) {
    EXPECT_FALSE(expected[worker].empty());
    EXPECT_EQ(given(worker), expected[worker]) << worker;
  }
}

TEST_F(RouterTest, KeepsAStreamAtOneWorkerAndInOrder) {
  for (const char* user : {"a", "b", "c", "d", "e"}) append(receipt("m1", "read", user));
  append(message("m1"));
  route(4);
  const std::size_t worker = static_cast<std::size_t>(partition_of("m1")) % 4;
  EXPECT_THAT(given(worker), ElementsAre(receipt("m1", "read", "a"), receipt("m1", "read", "b"), receipt("m1", "read", "c"),
                                         receipt("m1", "read", "d"), receipt("m1", "read", "e"), message("m1")));
}

TEST_F(RouterTest, GivesAlongWhenAMessageCameAndWhatItsSenderSaysOfTheTime) {
  append(message("m1", R"(,"timestamp":"2026-01-31T12:00:00Z")"));
  append(message("m2"));
  route(1);
  ASSERT_EQ(given_[0].size(), 2u);
  EXPECT_EQ(given_[0][0].sequence, 1u);
  EXPECT_EQ(given_[0][1].sequence, 2u);
  EXPECT_EQ(given_[0][0].raw.topic, "chat/messages/david");
  EXPECT_EQ(given_[0][0].raw.received_at, Timestamp());
  EXPECT_EQ(given_[0][1].raw.received_at, Timestamp(std::chrono::microseconds(1)));
  EXPECT_EQ(given_[0][0].occurred_at, parse_timestamp("2026-01-31T12:00:00Z"));
  EXPECT_EQ(given_[0][1].occurred_at, std::nullopt);
}

TEST_F(RouterTest, GivesAlongWhatCannotBeReadAsItsRejection) {
  append("no JSON");
  append("{}");
  route(2);
  ASSERT_EQ(given_[0].size() + given_[1].size(), 2u);
  for (const auto& one : given_) {
    for (const auto& incoming : one)
      EXPECT_TRUE(std::holds_alternative<domain::Rejection>(incoming.content)) << incoming.raw.payload;
  }
  EXPECT_THAT(finished_, IsEmpty());
}

TEST_F(RouterTest, EndsEchoesAndEmptyPayloadsHereAndCountsThem) {
  unfinished_skips_ = 2;
  append(std::string("\0", 1));
  append(receipt("m1", "received_by_server", "server"));
  append(message("m1"));
  route(1);
  EXPECT_THAT(finished_, ElementsAre(1, 2));
  EXPECT_THAT(given(0), ElementsAre(message("m1")));
  EXPECT_EQ(metrics_.empty_ignored.Value(), 1);
  EXPECT_EQ(metrics_.echoes_ignored.Value(), 1);
  EXPECT_EQ(ledger_.under_way(), 3u) << "whoever is told of them finishes them";
}

TEST_F(RouterTest, TellsOfManyEchoesBeforeTheyAreAll) {
  for (int i = 0; i < 300; ++i) append(receipt("m1", "sent", "server"));
  std::vector<std::size_t> groups;
  Router router(*spool_, [&](std::span<const spool::Sequence> sequences) {
    groups.push_back(sequences.size());
    if (groups.size() == 2) router_.stop(), router.stop();
  });
  router.run({}, kPartitions, ledger_, metrics_);
  EXPECT_THAT(groups, ElementsAre(256, 44));
}

TEST_F(RouterTest, CountsTimesThatAreForgotten) {
  append(message("m1", R"(,"timestamp":"yesterday")"));
  append(message("m2", R"(,"timestamp":"2026-01-31T12:00:00Z")"));
  append(message("m3"));
  route(1);
  EXPECT_EQ(given_[0].size(), 3u);
  EXPECT_EQ(metrics_.times_forgotten.Value(), 1);
}

TEST_F(RouterTest, EndsWhenAWorkerTakesNothingMore) {
  takes_nothing_more_ = true;
  append(message("m1"));
  append(message("m2"));
  route(1);
  EXPECT_THAT(given(0), IsEmpty());
  EXPECT_THAT(finished_, IsEmpty()) << "what no worker has is read again by the next start";
  EXPECT_EQ(spool_->next()->sequence, 2u) << "nothing behind it was read";
}

}  // namespace
}  // namespace hermes::ingest
