#include "domain/typing.h"

#include <gtest/gtest.h>

namespace hermes::domain {
namespace {

UserId user(std::string_view id) { return UserId::parse(id).value(); }
SetTyping typing(bool is_typing) { return {user("fredy"), "Fredy", user("david"), is_typing}; }

TEST(Typing, StartsAndStops) {
  EXPECT_EQ(decide(Typing::idle, typing(true)), Decision(Events{TypingStarted{user("fredy"), "Fredy", user("david")}}));
  EXPECT_EQ(decide(Typing::typing, typing(false)), Decision(Events{TypingStopped{user("fredy"), user("david")}}));
}

TEST(Typing, ARepeatedStartOrStopIsADuplicate) {
  EXPECT_EQ(decide(Typing::typing, typing(true)), Decision(Duplicate{}));
  EXPECT_EQ(decide(Typing::idle, typing(false)), Decision(Duplicate{}));
}

TEST(Typing, EveryoneCannotType) {
  SetTyping command = typing(true);
  command.sender = user("all");
  EXPECT_EQ(std::get<Rejection>(decide(Typing::idle, command)).reason, RejectionReason::invalid_field);
}

TEST(Typing, EventsLeadFromStateToState) {
  const TypingStarted started{user("fredy"), "Fredy", user("david")};
  const TypingStopped stopped{user("fredy"), user("david")};
  EXPECT_EQ(apply(Typing::idle, started).value(), Typing::typing);
  EXPECT_EQ(apply(Typing::typing, stopped).value(), Typing::idle);
  EXPECT_FALSE(apply(Typing::idle, stopped).ok());
  EXPECT_FALSE(apply(Typing::typing, started).ok());
  EXPECT_FALSE(apply(Typing::idle, MessageReceived{}).ok());
}

}  // namespace
}  // namespace hermes::domain
