#include "adapters/chat/own_messages.h"

#include <gmock/gmock.h>

#include "adapters/wire/wire.h"

namespace hermes::chat {
namespace {

using domain::Status;
using terminal::Mark;

domain::UserId user(std::string_view text) { return *domain::UserId::parse(text); }
domain::MessageId id(std::string_view text) { return *domain::MessageId::parse(text); }

class OwnMessagesTest : public ::testing::Test {
 protected:
  void follow(const std::string& message_id, const std::string& receiver) {
    own_.follow({.message = {id(message_id), user("fredy"), "Fredy", user(receiver), "Hello", "text"}, .time = {}});
  }
  // "mark: words" after a receipt; "unchanged".
  std::string receipt(Status status, std::string_view by, std::string_view message_id = "m-1") {
    const auto change = own_.receipt({id(message_id), status, user(by)});
    if (!change) return "unchanged";
    constexpr std::string_view kNames[] = {"none", "waiting", "stored", "delivered", "read", "refused"};
    return std::string(kNames[static_cast<int>(change->mark)]) + ": " + change->words;
  }

  OwnMessages own_;
};

TEST_F(OwnMessagesTest, ClimbTheMarksAsReceiptsComeIn) {
  follow("m-1", "david");
  EXPECT_EQ(own_.words_for("m-1"), "on its way");
  EXPECT_EQ(receipt(Status::received_by_server, wire::kServerUser), "stored: on the server");
  EXPECT_EQ(receipt(Status::delivered, "david"), "delivered: delivered to david");
  EXPECT_EQ(receipt(Status::read, "david"), "read: read by david");
  EXPECT_EQ(receipt(Status::delivered, "david"), "unchanged");
  EXPECT_EQ(receipt(Status::received_by_server, wire::kServerUser), "unchanged");
}

TEST_F(OwnMessagesTest, AreNotOnTheServerByARecipientsWord) {
  follow("m-1", "david");
  EXPECT_EQ(receipt(Status::delivered, "david"), "waiting: delivered to david, but not yet on the server");
  EXPECT_EQ(receipt(Status::read, "david"), "waiting: read by david, but not yet on the server");
  EXPECT_EQ(receipt(Status::received_by_server, "david"), "unchanged");
  EXPECT_EQ(receipt(Status::received_by_server, wire::kServerUser), "read: read by david");
}

TEST_F(OwnMessagesTest, AreNotReadByOneWhoIsNoRecipient) {
  follow("m-1", "david");
  EXPECT_EQ(receipt(Status::read, "eva"), "unchanged");
  EXPECT_EQ(receipt(Status::read, "david", "unknown"), "unchanged");
  follow("b-1", "all");
  receipt(Status::received_by_server, wire::kServerUser, "b-1");
  EXPECT_EQ(receipt(Status::read, "eva", "b-1"), "read: read by eva");
}

TEST_F(OwnMessagesTest, AreRefusedUntilTheServerSaysOtherwise) {
  follow("m-1", "david");
  EXPECT_EQ(own_.given_up(id("m-1"))->words, "refused");
  EXPECT_EQ(own_.given_up(id("unknown")), std::nullopt);
  EXPECT_EQ(receipt(Status::delivered, "david"), "refused: delivered to david, but refused by the server");
  EXPECT_EQ(receipt(Status::received_by_server, wire::kServerUser), "delivered: delivered to david");
  EXPECT_EQ(own_.given_up(id("m-1")), std::nullopt);
}

TEST_F(OwnMessagesTest, KnowTheLastOne) {
  EXPECT_EQ(own_.last(), std::nullopt);
  follow("abc-1", "david");
  follow("abd-2", "david");
  EXPECT_EQ(own_.last(), "abd-2");
}

TEST_F(OwnMessagesTest, AreForgottenOldestFirst) {
  for (std::size_t i = 0; i <= OwnMessages::kMax; ++i) follow("m-" + std::to_string(i), "david");
  EXPECT_EQ(own_.words_for("m-0"), std::nullopt);
  EXPECT_EQ(own_.words_for("m-1"), "on its way");
}

}  // namespace
}  // namespace hermes::chat
