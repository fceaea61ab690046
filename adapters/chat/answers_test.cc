#include "adapters/chat/answers.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "domain/printable_text.h"

namespace hermes::chat {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

const domain::Timestamp kNow = *domain::parse_timestamp("2026-01-31T12:00:00Z");

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
  EXPECT_EQ(domain::display_width(rows[0].substr(0, rows[0].find("fredy: Hi"))),
            domain::display_width(rows[1].substr(0, rows[1].find("日本: Hello"))));
}

TEST(Answers, InboxWithoutUnreadMessagesHasNoColumnForThem) {
  EXPECT_EQ(rows_of({conversation("fredy", 0, "Hi")})[0].find("unread"), std::string::npos);
  EXPECT_LE(domain::display_width(rows_of({conversation("fredy", 0, "Hi")})[0]), 25u);
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

}  // namespace
}  // namespace hermes::chat
