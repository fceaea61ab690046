#include "base/printable_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace hermes {
namespace {

using namespace std::string_literals;

TEST(EscapeForTerminal, LeavesOrdinaryTextOfAnyScriptAlone) {
  for (const std::string text : {"Hello, David!", "¿Qué tal?", "مرحبا", "日本語", "👍🏽", "back\\slash", ""}) {
    EXPECT_EQ(escape_for_terminal(text), text);
  }
}

TEST(EscapeForTerminal, ShowsControlCharactersInsteadOfObeyingThem) {
  EXPECT_EQ(escape_for_terminal("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(escape_for_terminal("\x1b[2J\x1b]0;title\x07"), "\\x1b[2J\\x1b]0;title\\x07");
  EXPECT_EQ(escape_for_terminal("\0\x7f"s), "\\x00\\x7f");
}

TEST(EscapeForTerminal, ShowsC1ControlsThatSomeTerminalsTakeForEscapeSequences) {
  EXPECT_EQ(escape_for_terminal("\xC2\x9B"
                                "31m"),
            "\\x9b31m");
}

TEST(EscapeForTerminal, ShowsWhatReordersOrBreaksLines) {
  EXPECT_EQ(escape_for_terminal("a\u202Eb\u2066c\u2028d"), "a\\u202eb\\u2066c\\u2028d");
}

TEST(EscapeForTerminal, ShowsWhatNobodyCanSee) {
  for (const auto& [text, shown] :
       std::vector<std::pair<std::string, std::string>>{{"fre\u200bdy", "fre\\u200bdy"},
                                                        {"fre\u200cdy", "fre\\u200cdy"},
                                                        {"fre\u200ddy", "fre\\u200ddy"},
                                                        {"\u200efredy\u200f", "\\u200efredy\\u200f"},
                                                        {"\ufefffredy", "\\ufefffredy"},
                                                        {"fre\u2060\u2064dy", "fre\\u2060\\u2064dy"},
                                                        {"fredy\U000e0041", "fredy\\U000e0041"},
                                                        {"👍\u200d\u200d", "👍\u200d\\u200d"},
                                                        {"\u200dx", "\\u200dx"}}) {
    EXPECT_EQ(escape_for_terminal(text), shown);
  }
}

TEST(EscapeForTerminal, LeavesInvisibleCharactersWhereTheyAreNeeded) {
  for (const std::string text :
       {"👨\u200d👩\u200d👧", "❤\ufe0f\u200d🔥", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می\u200cخواهم", "क्\u200dष", "👩🏽\u200d💻"}) {
    EXPECT_EQ(escape_for_terminal(text), text);
  }
  EXPECT_EQ(escape_for_terminal("🏴\U000e0067\U000e007f\U000e0067"), "🏴\U000e0067\U000e007f\\U000e0067");
}

TEST(EscapeForTerminal, ShowsBytesThatAreNotUtf8) {
  EXPECT_EQ(escape_for_terminal("\xff"), "\\xff");
  EXPECT_EQ(escape_for_terminal("a\xC3"), "a\\xc3");                  // cut short
  EXPECT_EQ(escape_for_terminal("\xC0\x9B"), "\\xc0\\x9b");           // ESC in an overlong form
  EXPECT_EQ(escape_for_terminal("\xED\xA0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(escape_for_terminal("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width("David"), 5u);
  EXPECT_EQ(display_width("Zoë"), 3u);
  EXPECT_EQ(display_width("日本"), 4u);
  EXPECT_EQ(display_width("👍"), 2u);
  EXPECT_EQ(display_width("e\u0301"), 1u);  // e and a combining accent
}

TEST(Shorten, CutsToColumnsAndSaysSo) {
  EXPECT_EQ(shorten("Hello", 5), "Hello");
  EXPECT_EQ(shorten("Hello!", 5), "Hell…");
  EXPECT_EQ(shorten("日本語", 5), "日本…");
  EXPECT_EQ(shorten("日本語", 4), "日…");  // half a wide character can't be shown
  EXPECT_EQ(shorten("Hello", 0), "");
}

}  // namespace
}  // namespace hermes
