// Without a broker, and with a query service of canned answers.
#include "adapters/chat/missed_messages.h"

#include <gmock/gmock.h>

#include "tests/servers/temporary_folder.h"
#include "tests/support/eventually.h"
#include "tests/support/network/canned_service.h"

namespace hermes::chat {
namespace {

using namespace std::chrono_literals;
using test_support::eventually;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MissedMessagesTest : public ::testing::Test {
 protected:
  MissedMessagesTest() {
    auto session = Session::open({.broker_port = 1, .user = david_, .name = "", .outbox_root = folder_.path()});
    EXPECT_TRUE(session.ok());
    session_ = std::move(*session);
    missed_.emplace(*session_, queries_, david_);
  }

  void connected(bool session_was_kept) {
    missed_->connection({.connected = true, .session_was_kept = session_was_kept}, now_);
  }
  void lost() { missed_->connection({.connected = false}, now_); }
  // The times of all looks to come, from now.
  std::vector<std::chrono::seconds> looks() {
    std::vector<std::chrono::seconds> out;
    for (; missed_->deadline(); missed_->look(*missed_->deadline()))
      out.push_back(std::chrono::duration_cast<std::chrono::seconds>(*missed_->deadline() - now_));
    return out;
  }

  const domain::UserId david_ = *domain::UserId::parse("david");
  private_servers::TemporaryFolder folder_;
  test_support::CannedService service_;
  std::unique_ptr<Session> session_;
  QueryClient queries_{{"127.0.0.1", service_.port()}};
  std::optional<MissedMessages> missed_;
  MissedMessages::Clock::time_point now_ = MissedMessages::Clock::now();
};

TEST_F(MissedMessagesTest, AreLookedForAtOnceOnlyWhenTheBrokerKeptNothing) {
  connected(true);
  EXPECT_THAT(looks(), ElementsAre(2s, 15s));
  connected(false);
  EXPECT_THAT(looks(), ElementsAre(0s, 2s, 15s));
}

TEST_F(MissedMessagesTest, AreNotLookedForBeforeTheTimeNorAfterALoss) {
  connected(true);
  missed_->look(now_);
  EXPECT_EQ(missed_->deadline(), now_ + MissedMessages::kFirstLook);
  lost();
  EXPECT_THAT(looks(), IsEmpty());
}

TEST_F(MissedMessagesTest, IncludeBroadcastsOnlyWhenTheBrokerKeptNothing) {
  connected(false);
  missed_->look(now_);
  connected(true);
  missed_->look(now_ + MissedMessages::kFirstLook);
  EXPECT_TRUE(eventually([&] { return service_.asked().size() == 2; }));
  EXPECT_THAT(service_.asked(), ElementsAre(HasSubstr("broadcasts=true"), HasSubstr("broadcasts=false")));
}

TEST_F(MissedMessagesTest, ComeOutOfTheSessionAsIfTheBrokerHadKeptThem) {
  service_.answer("/v1/inbox/david/undelivered", R"({"messages": [{"message_id": "m-1", "sender_id": "fredy",
      "sender_name": "Fredy", "receiver_id": "david", "content": "missed", "message_type": "text",
      "created_at": "2026-01-31T12:00:00Z"}]})");
  connected(false);
  missed_->look(now_);
  std::vector<std::string> shown;
  EXPECT_TRUE(eventually([&] {
    queries_.deliver();
    for (const Notice& notice : session_->take_notices()) {
      if (const auto* arrived = std::get_if<MessageArrived>(&notice)) shown.push_back(arrived->incoming.message.content);
    }
    return !shown.empty();
  }));
  EXPECT_THAT(shown, ElementsAre("missed"));
}

}  // namespace
}  // namespace hermes::chat
