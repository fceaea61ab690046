#include "adapters/chat/answers.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "base/printable_text.h"

namespace hermes::chat {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

const Timestamp kNow = *parse_timestamp("2026-01-31T12:00:00Z");

boost::json::value conversation(const std::string& peer, int unread, const std::string& content) {
  return {{"peer_id", peer},
          {"unread_count", unread},
          {"last_activity_at", "2026-01-31T11:59:00Z"},
          {"last_message", {{"sender_id", peer}, {"content", content}}}};
}

std::vector<std::string> rows_of(const boost::json::array& conversations) {
  std::vector<std::string> rows;
  for (const terminal::Entry& entry : inbox_entries({{"conversations", conversations}}, kNow)) {
    EXPECT_TRUE(entry.one_row);
    rows.push_back(entry.text);
  }
  return rows;
}

TEST(Answers, InboxColumnsAreAsWideAsWhatIsInThem) {
  const auto rows = rows_of({conversation("fredy", 2, "Hi"), conversation("日本", 0, "Hello")});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_THAT(rows[0], HasSubstr("  fredy  2 unread  "));
  EXPECT_THAT(rows[1], HasSubstr("  日本             "));
  EXPECT_EQ(display_width(rows[0].substr(0, rows[0].find("fredy: Hi"))),
            display_width(rows[1].substr(0, rows[1].find("日本: Hello"))));
}

TEST(Answers, InboxWithoutUnreadMessagesHasNoColumnForThem) {
  EXPECT_EQ(rows_of({conversation("fredy", 0, "Hi")})[0].find("unread"), std::string::npos);
  EXPECT_LE(display_width(rows_of({conversation("fredy", 0, "Hi")})[0]), 25u);
}

TEST(Answers, InboxShortensNamesAndTextsOfAnyLengthAndEscapesThem) {
  const auto rows = rows_of({conversation(std::string(100, 'p'), 1'000'000, std::string(200, 'x') + "\x1b[2J")});
  EXPECT_THAT(rows[0], HasSubstr("  ppppppppppppppp…  1000000 unread  "));
  EXPECT_THAT(rows[0], EndsWith("…"));
  EXPECT_THAT(rows_of({conversation("p", 0, "\x1b[2J")})[0], HasSubstr("p: \\x1b[2J"));
  EXPECT_THAT(rows_of({conversation("\x1b", 0, "a")})[0], Not(HasSubstr("\x1b")));
}

TEST(Answers, WhatIsNotAnInboxIsAnEmptyOne) {
  EXPECT_TRUE(inbox_entries({{"conversations", "none"}}, kNow).empty());
  EXPECT_TRUE(inbox_entries(nullptr, kNow).empty());
}

Outgoing outgoing(const std::string& text) {
  const auto user = [](const char* name) { return *domain::UserId::parse(name); };
  return {{*domain::MessageId::parse("m-1"), user("fredy"), "Fredy", user("david"), text, "text"}, kNow};
}
boost::json::value stored(const std::string& text) {
  return {{"message", {{"sender_id", "fredy"}, {"receiver_id", "david"}, {"content", text}, {"message_type", "text"}}},
          {"steps", boost::json::array{}}};
}
boost::json::value rejected(const std::string& actor, const std::string& at) {
  return {
      {"message", nullptr},
      {"steps",
       boost::json::array{
           {{"kind", "rejected"}, {"at", at}, {"what", "invalid_field"}, {"actor_id", actor}, {"detail", "content is odd"}}}}};
}

TEST(Answers, AnIdThatAnotherMessageHasIsARefusalAtOnce) {
  EXPECT_EQ(refusal_in(stored("one"), outgoing("other"), 1), "its id is taken by another message, of fredy to david");
  EXPECT_EQ(refusal_in(stored("one"), outgoing("one"), 100), std::nullopt);
  EXPECT_EQ(is_stored_as_sent(stored("one"), outgoing("other")), false);
  EXPECT_EQ(is_stored_as_sent(stored("one"), outgoing("one")), true);
  EXPECT_EQ(is_stored_as_sent(rejected("fredy", "2026-01-31T12:00:01Z"), outgoing("one")), std::nullopt);
}

TEST(Answers, ARejectedAttemptIsARefusalIfItIsOursAfterSeveralTries) {
  const unsigned several = Outbox::kSuspectAttempts;
  const auto ours = rejected("fredy", "2026-01-31T12:00:01Z");
  EXPECT_EQ(refusal_in(ours, outgoing("one"), several), "invalid_field: content is odd");
  EXPECT_EQ(refusal_in(ours, outgoing("one"), several - 1), std::nullopt);
  EXPECT_EQ(refusal_in(rejected("eva", "2026-01-31T12:00:01Z"), outgoing("one"), several), std::nullopt);
  EXPECT_EQ(refusal_in(rejected("fredy", "2026-01-31T11:00:00Z"), outgoing("one"), several), std::nullopt);
}

TEST(Answers, WhatIsNoTimelineRefusesNothing) {
  EXPECT_EQ(refusal_in(nullptr, outgoing("one"), 100), std::nullopt);
  EXPECT_EQ(refusal_in({{"message", 1}, {"steps", "none"}}, outgoing("one"), 100), std::nullopt);
}

}  // namespace
}  // namespace hermes::chat
