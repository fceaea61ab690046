#include "domain/typing.h"

#include <gtest/gtest.h>

namespace hermes::domain {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kAt{1'700'000'000s};
const Typing kTyping{TypingState::typing, kAt};

UserId user(std::string_view id) { return UserId::parse(id).value(); }
SetTyping typing(bool is_typing) { return {user("fredy"), "Fredy", user("david"), is_typing}; }
const Event kStarted = TypingStarted{user("fredy"), "Fredy", user("david")};
const Event kStopped = TypingStopped{user("fredy"), user("david")};

TEST(Typing, StartsAndStops) {
  EXPECT_EQ(decide(Typing(), typing(true), kAt), Decision(Events{kStarted}));
  EXPECT_EQ(decide(kTyping, typing(false), kAt), Decision(Events{kStopped}));
}

TEST(Typing, ARepeatedStopIsADuplicate) { EXPECT_EQ(decide(Typing(), typing(false), kAt), Decision(Duplicate{})); }

TEST(Typing, AStartSoonAfterTheLastIsADuplicate) {
  EXPECT_EQ(decide(kTyping, typing(true), kAt), Decision(Duplicate{}));
  EXPECT_EQ(decide(kTyping, typing(true), kAt + kTypingRefresh - 1us), Decision(Duplicate{}));
}

TEST(Typing, AStartLaterThanThatIsRecordedAgain) {
  EXPECT_EQ(decide(kTyping, typing(true), kAt + kTypingRefresh), Decision(Events{kStarted}));
  EXPECT_EQ(decide(kTyping, typing(true), kAt + 24h), Decision(Events{kStarted}));
}

TEST(Typing, AStartBeforeTheLastIsADuplicate) { EXPECT_EQ(decide(kTyping, typing(true), kAt - 1h), Decision(Duplicate{})); }

TEST(Typing, EveryoneCannotType) {
  SetTyping command = typing(true);
  command.sender = user("all");
  EXPECT_EQ(std::get<Rejection>(decide(Typing(), command, kAt)).reason, RejectionReason::invalid_field);
}

TEST(Typing, EventsLeadFromStateToState) {
  EXPECT_EQ(apply(Typing(), kStarted, kAt).value(), kTyping);
  EXPECT_EQ(apply(kTyping, kStarted, kAt + 10s).value(), (Typing{TypingState::typing, kAt + 10s}));
  EXPECT_EQ(apply(kTyping, kStopped, kAt + 10s).value().state, TypingState::idle);
  EXPECT_FALSE(apply(Typing(), kStopped, kAt).ok());
  EXPECT_FALSE(apply(Typing(), MessageReceived{}, kAt).ok());
}

TEST(Typing, TheLastEventSaysAllThatCameBefore) {
  EXPECT_EQ(typing_after(kStarted, kAt).value(), kTyping);
  EXPECT_EQ(typing_after(kStopped, kAt).value().state, TypingState::idle);
  EXPECT_FALSE(typing_after(MessageReceived{}, kAt).ok());
}

}  // namespace
}  // namespace hermes::domain
