// With a broker, the server's side played, and a query service of canned answers.
#include "adapters/chat/receipt_check.h"

#include <gmock/gmock.h>

#include "adapters/terminal/wait.h"
#include "tests/servers/private_mosquitto.h"
#include "tests/servers/temporary_folder.h"
#include "tests/support/eventually.h"
#include "tests/support/network/canned_service.h"
#include "tests/support/network/played_server.h"

namespace hermes::chat {
namespace {

using namespace std::chrono_literals;
using test_support::eventually;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ReceiptCheckTest : public ::testing::Test {
 protected:
  ReceiptCheckTest() {
    server_.start();
    open();
  }

  void open() {
    check_.reset();
    session_.reset();
    auto session = Session::open(
        {.broker_port = broker_.port(), .user = david_, .name = "", .outbox_root = folder_.path(), .read_after = 0ms});
    EXPECT_TRUE(session.ok());
    session_ = std::move(*session);
    check_.emplace(*session_, queries_, david_);
  }
  // What the conversation does when it is woken.
  void attend() {
    std::vector<domain::MessageId> ids;
    for (const Notice& notice : session_->take_notices()) {
      if (const auto* arrived = std::get_if<MessageArrived>(&notice)) ids.push_back(arrived->incoming.message.message_id);
    }
    session_->shown(ids);
    queries_.deliver();
    check_->look(ReceiptCheck::Clock::now());
  }
  void get_and_report(const std::string& id) {
    ASSERT_TRUE(eventually([&] { return session_->connected(); }));
    server_.send(id, "fredy", "david", "Hello");
    ASSERT_TRUE(eventually([&] { return attend(), server_.receipts().size() == 2; }));
  }
  void the_log_holds(const std::string& receipts) {
    service_.answer("/v1/inbox/david/receipts", R"({"user_id": "david", "receipts": [)" + receipts + "]}");
  }

  const domain::UserId david_ = *domain::UserId::parse("david");
  private_servers::PrivateMosquitto broker_;
  private_servers::TemporaryFolder folder_;
  test_support::CannedService service_;
  test_support::PlayedServer server_{broker_.port()};
  std::unique_ptr<Session> session_;
  QueryClient queries_{{"127.0.0.1", service_.port()}};
  std::optional<ReceiptCheck> check_;
};

const std::string kDelivered = R"({"message_id": "m-1", "status": "delivered", "timestamp": "2026-01-31T12:00:00Z"})";
const std::string kRead = R"({"message_id": "m-1", "status": "read", "timestamp": "2026-01-31T12:00:00Z"})";

TEST_F(ReceiptCheckTest, AReceiptThatIsNotInTheLogIsPublishedAgainUntilItIs) {
  the_log_holds(kDelivered);
  get_and_report("m-1");
  EXPECT_TRUE(eventually([&] { return attend(), server_.receipts().size() >= 3; }));
  EXPECT_THAT(server_.receipts(), ElementsAre("m-1 delivered david", "m-1 read david", "m-1 read david"));
  the_log_holds(kDelivered + "," + kRead);
  EXPECT_TRUE(eventually([&] { return attend(), !session_->next_look_for_receipts(); }));
  EXPECT_EQ(server_.receipts().size(), 3u);
  EXPECT_EQ(service_.asked().back(), "/v1/inbox/david/receipts?messages=m-1");
}

TEST_F(ReceiptCheckTest, AReceiptOutlivesTheClientUntilItIsInTheLog) {
  get_and_report("m-1");  // the service knows nothing of such a path
  ASSERT_TRUE(eventually([&] { return attend(), session_->settle(0ms); }));
  the_log_holds("");
  open();
  EXPECT_TRUE(eventually([&] { return attend(), server_.receipts().size() >= 4; }));
  EXPECT_THAT(server_.receipts(),
              ElementsAre("m-1 delivered david", "m-1 read david", "m-1 delivered david", "m-1 read david"));
}

TEST_F(ReceiptCheckTest, WithoutAnAnswerNothingIsPublishedAndTheNextLookWaits) {
  get_and_report("m-1");
  ASSERT_TRUE(eventually([&] { return attend(), !service_.asked().empty(); }));
  EXPECT_TRUE(eventually([&] {
    queries_.deliver();
    return check_->deadline() > ReceiptCheck::Clock::now() + ReceiptCheck::kServiceAway / 2;
  }));
  EXPECT_EQ(service_.asked().size(), 1u);
  EXPECT_EQ(server_.receipts().size(), 2u);
}

}  // namespace
}  // namespace hermes::chat
