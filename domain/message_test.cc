#include "domain/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hermes::domain {
namespace {

using testing::HasSubstr;

UserId user(std::string_view id) { return UserId::parse(id).value(); }
MessageId id(std::string_view text) { return MessageId::parse(text).value(); }

SendMessage hello(std::string_view to = "david") { return {id("m-1"), user("fredy"), "Fredy", user(to), "Hello", "text"}; }
RecordReceipt receipt(std::string_view by, Status status) { return {id("m-1"), status, user(by)}; }

// Decides, and applies what was decided.
template <class Command>
Decision act(Message& message, const Command& command) {
  Decision decision = decide(message, command);
  if (const auto* events = std::get_if<Events>(&decision)) {
    for (const Event& event : *events) message = apply(message, event).value();
  }
  return decision;
}

Message stored(std::string_view to = "david") {
  Message message;
  act(message, hello(to));
  return message;
}

template <class Command>
RejectionReason reason(const Message& message, const Command& command) {
  return std::get<Rejection>(decide(message, command)).reason;
}

TEST(Message, ANewOneIsSentAndReceivedAtOnce) {
  Message message;
  const Events expected = {MessageSent{user("fredy"), "Fredy", user("david"), "Hello", "text"}, MessageReceived{}};
  EXPECT_EQ(std::get<Events>(act(message, hello())), expected);
  EXPECT_TRUE(message.exists());
  EXPECT_EQ(message.sender(), user("fredy"));
  EXPECT_EQ(message.receiver(), user("david"));
  EXPECT_EQ(message.state_for(user("david")), MessageState::received);
}

TEST(Message, TheSameBodyAgainIsADuplicate) {
  Message message = stored();
  EXPECT_EQ(decide(message, hello()), Decision(Duplicate{}));
}

TEST(Message, AnotherNameOfTheSenderIsNoOtherBody) {
  SendMessage renamed = hello();
  renamed.sender_name = "Alfred";
  EXPECT_EQ(decide(stored(), renamed), Decision(Duplicate{}));
}

TEST(Message, AnotherBodyUnderTheSameIdIsAConflict) {
  const Message message = stored();
  SendMessage other = hello();
  other.content = "Goodbye";
  EXPECT_EQ(reason(message, other), RejectionReason::conflicting_message);
  other = hello();
  other.message_type = "image";
  EXPECT_EQ(reason(message, other), RejectionReason::conflicting_message);
  other = hello("erin");
  EXPECT_EQ(reason(message, other), RejectionReason::conflicting_message);
  other = hello();
  other.sender = user("mallory");
  EXPECT_EQ(reason(message, other), RejectionReason::conflicting_message);
  EXPECT_THAT(std::get<Rejection>(decide(message, other)).detail, HasSubstr("m-1"));
}

TEST(Message, APartMovedFromTypeToContentIsAConflict) {
  SendMessage first = hello();
  first.message_type = "ab";
  first.content = "c";
  Message message;
  act(message, first);
  SendMessage moved = first;
  moved.message_type = "a";
  moved.content = "bc";
  EXPECT_EQ(reason(message, moved), RejectionReason::conflicting_message);
}

TEST(Message, EveryoneCannotSend) {
  SendMessage command = hello();
  command.sender = user("all");
  EXPECT_EQ(reason(Message(), command), RejectionReason::invalid_field);
}

TEST(Message, ReceiptsOfItsRecipientAreRecordedOnce) {
  Message message = stored();
  EXPECT_EQ(act(message, receipt("david", Status::delivered)), Decision(Events{MessageDelivered{user("david")}}));
  EXPECT_EQ(act(message, receipt("david", Status::delivered)), Decision(Duplicate{}));
  EXPECT_EQ(act(message, receipt("david", Status::read)), Decision(Events{MessageRead{user("david")}}));
  EXPECT_EQ(act(message, receipt("david", Status::read)), Decision(Duplicate{}));
  EXPECT_EQ(message.state_for(user("david")), MessageState::read);
}

TEST(Message, AReceiptBeforeTheMessageIsIllegalInNew) {
  const auto rejection = std::get<Rejection>(decide(Message(), receipt("david", Status::read)));
  EXPECT_EQ(rejection.reason, RejectionReason::illegal_transition);
  EXPECT_THAT(rejection.detail, HasSubstr("state New"));
  EXPECT_THAT(rejection.detail, HasSubstr("Read cannot follow"));
}

TEST(Message, AStrangersReceiptIsRefused) {
  EXPECT_EQ(reason(stored(), receipt("mallory", Status::read)), RejectionReason::not_a_recipient);
  EXPECT_EQ(reason(stored(), receipt("fredy", Status::read)), RejectionReason::not_a_recipient);
}

TEST(Message, StatusesOfTheServerAreRefused) {
  EXPECT_EQ(reason(stored(), receipt("david", Status::sent)), RejectionReason::server_only_status);
  EXPECT_EQ(reason(stored(), receipt("david", Status::received_by_server)), RejectionReason::server_only_status);
}

TEST(Message, ANoteToOneselfCanBeRead) {
  Message message = stored("fredy");
  EXPECT_EQ(act(message, receipt("fredy", Status::read)), Decision(Events{MessageRead{user("fredy")}}));
}

TEST(Broadcast, EveryRecipientHasABranch) {
  Message message = stored("all");
  EXPECT_EQ(message.branch_count(), 0U);
  act(message, receipt("david", Status::read));
  act(message, receipt("erin", Status::delivered));
  EXPECT_EQ(message.branch_count(), 2U);
  EXPECT_EQ(message.state_for(user("david")), MessageState::read);
  EXPECT_EQ(message.state_for(user("erin")), MessageState::delivered);
  EXPECT_EQ(message.state_for(user("zoe")), MessageState::received);
  EXPECT_EQ(decide(message, receipt("erin", Status::delivered)), Decision(Duplicate{}));
  EXPECT_EQ(act(message, receipt("david", Status::delivered)), Decision(Events{MessageDelivered{user("david")}}));
  EXPECT_EQ(act(message, receipt("david", Status::delivered)), Decision(Duplicate{}));
}

TEST(Broadcast, ItsSenderAndEveryoneAreNoRecipients) {
  EXPECT_EQ(reason(stored("all"), receipt("fredy", Status::read)), RejectionReason::own_broadcast_receipt);
  EXPECT_EQ(reason(stored("all"), receipt("all", Status::read)), RejectionReason::not_a_recipient);
}

TEST(Broadcast, ManyBranchesAreAllFound) {
  Message message = stored("all");
  for (int i = 0; i < 5000; ++i) {
    message = apply(std::move(message), MessageDelivered{user("user-" + std::to_string(i))}).value();
  }
  EXPECT_EQ(message.branch_count(), 5000U);
  for (int i = 0; i < 5000; ++i) {
    EXPECT_EQ(decide(message, receipt("user-" + std::to_string(i), Status::delivered)), Decision(Duplicate{}));
  }
}

TEST(Apply, RefusesWhatCannotFollow) {
  const MessageSent sent{user("fredy"), "Fredy", user("david"), "Hello", "text"};
  const auto refused = [](const Message& message, const Event& event) {
    auto applied = apply(message, event);
    return applied ? "applied" : std::string(code(applied.error().reason));
  };
  EXPECT_EQ(refused(Message(), MessageReceived{}), "illegal_transition");
  EXPECT_EQ(refused(Message(), MessageRead{user("david")}), "illegal_transition");
  EXPECT_EQ(refused(stored(), sent), "illegal_transition");
  EXPECT_EQ(refused(stored(), MessageReceived{}), "illegal_transition");
  EXPECT_EQ(refused(stored(), MessageRead{user("mallory")}), "not_a_recipient");
  EXPECT_EQ(refused(stored("all"), MessageRead{user("fredy")}), "own_broadcast_receipt");
  EXPECT_EQ(refused(stored(), TypingStopped{user("fredy"), user("david")}), "illegal_transition");
}

TEST(Snapshot, HoldsTheWholeState) {
  Message message = stored("all");
  for (int i = 0; i < 100; ++i) {
    act(message, receipt("user-" + std::to_string(i), i % 2 == 0 ? Status::read : Status::delivered));
  }
  for (const Message& original : {Message(), stored(), message}) {
    const auto restored = Message::restore(original.snapshot());
    ASSERT_TRUE(restored);
    EXPECT_EQ(*restored, original);
  }
  EXPECT_NE(stored(), message);
}

TEST(Snapshot, BelongsToWhatItWasBoundTo) {
  const std::string bytes = stored().snapshot("stream 1");
  EXPECT_TRUE(Message::restore(bytes, "stream 1"));
  EXPECT_FALSE(Message::restore(bytes, "stream 2"));
  EXPECT_FALSE(Message::restore(bytes));
}

TEST(Snapshot, BytesOfSomethingElseAreNone) {
  const std::string bytes = stored("all").snapshot();
  EXPECT_FALSE(Message::restore(""));
  EXPECT_FALSE(Message::restore("not a snapshot, but long enough to hold a checksum"));
  EXPECT_FALSE(Message::restore(bytes + "x"));
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(Message::restore(bytes.substr(0, size)));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    EXPECT_FALSE(Message::restore(flipped)) << i;
  }
}

}  // namespace
}  // namespace hermes::domain
