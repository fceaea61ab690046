#include "adapters/terminal/screen.h"

#include <gmock/gmock.h>

namespace hermes::terminal {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Entry message(const std::string& key, const std::string& text, Mark mark = Mark::waiting) {
  return {.kind = Entry::Kind::outgoing, .key = key, .time = "12:03", .who = "you → david", .text = text, .mark = mark};
}

TEST(Screen, PutsTimeMarkNameAndText) {
  Screen screen(24, 80, false);
  EXPECT_EQ(screen.show({message("a", "Hello")}, {}), "\r\x1b[J12:03 …   you → david: Hello\r\n");
}

TEST(Screen, IndentsTheRowsOfALongMessage) {
  Screen screen(24, 50, false);
  const std::string out = screen.show({message("a", "one two three four five six seven eight nine")}, {});
  EXPECT_THAT(out, HasSubstr("\r\n          "));
}

TEST(Screen, PutsTheIdOfAMessageBehindItsMark) {
  Screen screen(24, 60, false);
  Entry entry = message("a", "one two three four five six seven eight nine");
  entry.id = "9f2fb6";
  EXPECT_EQ(screen.show({entry}, {}),
            "\r\x1b[J12:03 …   9f2fb6 you → david: one two three four five six\r\n                 seven eight nine\r\n");
}

TEST(Screen, IndentsTheRestOfANoteThatHangs) {
  Screen screen(24, 40, false);
  EXPECT_EQ(screen.show({hanging_note("to [USER]  what you type from now on goes to USER", 11)}, {}),
            "\r\x1b[Jto [USER]  what you type from now on\r\n           goes to USER\r\n");
}

TEST(Screen, CutsTheRowsOfATableToTheWidth) {
  Screen screen(24, 20, false);
  EXPECT_EQ(screen.show({table_row("  fredy  12:03  日本語日本語")}, {}), "\r\x1b[J  fredy  12:03  日…\r\n");
}

TEST(Screen, ErasesTheLineBeingTypedWithItsRowsAndTheStatus) {
  Screen screen(24, 80, false);
  screen.set_status("David is typing…", {});
  EXPECT_EQ(screen.show({note("n")}, {.rows = 3, .cursor_row = 2, .cursor_column = 5}),
            "\r\x1b[3A\x1b[Jn\r\nDavid is typing…\r\n");
}

TEST(Screen, ChangesAMarkWhereItStandsAndComesBack) {
  Screen screen(24, 80, false);
  screen.show({message("a", "Hello"), note("one"), note("two")}, {});
  EXPECT_EQ(screen.set_mark("a", Mark::read, {.rows = 1, .cursor_row = 0, .cursor_column = 9}),
            "\x1b"
            "7\r\x1b[3A\x1b[6C✓✓✓\x1b"
            "8");
}

TEST(Screen, LeavesAloneWhatHasScrolledAwayAndRemembersItsMark) {
  Screen screen(5, 80, false);
  screen.show({message("a", "Hello")}, {});
  for (int i = 0; i < 5; ++i) screen.show({note("n")}, {});
  EXPECT_EQ(screen.set_mark("a", Mark::read, {}), "");
  EXPECT_EQ(screen.set_mark("unknown", Mark::read, {}), "");
  EXPECT_THAT(screen.draw_again(24, 80), HasSubstr("✓✓✓ you → david: Hello"));
}

TEST(Screen, DrawsOnlyWhatFitsAfterAChangeOfSize) {
  Screen screen(24, 80, false);
  for (int i = 0; i < 20; ++i) screen.show({note("entry " + std::to_string(i))}, {});
  const std::string out = screen.draw_again(10, 40);
  EXPECT_THAT(out, HasSubstr("entry 19"));
  EXPECT_THAT(out, Not(HasSubstr("entry 5\r")));
}

TEST(Screen, LetsNothingFromAMessageReachTheTerminalAsItCame) {
  Screen screen(24, 200, true);
  Entry hostile = message("a", "\x1b]0;owned\x07\x1b[2J\r\n\u202e");
  hostile.who = "\x1b[31mdavid";
  const std::string out = screen.show({hostile}, {}) + screen.set_status("\x1b[31m is typing\n", {});
  EXPECT_THAT(out, HasSubstr("\\x1b]0;owned\\x07\\x1b[2J\r\n          \\u202e")) << "the second line is no entry of its own";
  EXPECT_THAT(out, Not(HasSubstr("\x1b]")));
  EXPECT_THAT(out, Not(HasSubstr("\x1b[31m")));
  EXPECT_THAT(out, Not(HasSubstr("\x1b[2J")));
}

TEST(Screen, ForgetsTheOldest) {
  Screen screen(24, 80, false);
  screen.show({message("a", "Hello")}, {});
  for (std::size_t i = 0; i < Screen::kMaxEntries; ++i) screen.show({note("n")}, {});
  EXPECT_THAT(screen.draw_again(5000, 80), Not(HasSubstr("Hello")));
}

TEST(ScreenOfLongText, ShowsTheLinesOfAMessageAsLines) {
  Screen screen(24, 40, false);
  const std::string out = screen.show(
      {{.kind = Entry::Kind::incoming, .time = "12:00", .who = "fredy", .text = "one\r\n  two\n\nfour \x1b[2J"}}, {});
  EXPECT_THAT(out, testing::HasSubstr("12:00     fredy: one\r\n"
                                      "            two\r\n"
                                      "          \r\n"
                                      "          four \\x1b[2J\r\n"));
}

TEST(ScreenOfLongText, ShowsTheBeginningOfALongMessageAndHowLongItIs) {
  for (const std::string& text : {std::string(200'000, 'x'), [] {
                                    std::string lines;
                                    for (int i = 0; i < 100'000; ++i) lines += "x\n";
                                    return lines;
                                  }()}) {
    Screen screen(24, 40, false);
    const std::string out = screen.show({{.kind = Entry::Kind::incoming, .time = "12:00", .who = "fredy", .text = text}}, {});
    EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 40);
    EXPECT_THAT(out, testing::HasSubstr("… (200000 bytes"));
  }
}

// Accents take no columns: what is cut off fills no row.
TEST(ScreenOfLongText, SaysHowLongAMessageIsAlsoWhereWhatIsShownOfItIsNarrow) {
  std::string text = "e";
  for (int i = 0; i < 50'000; ++i) text += "\u0301";
  Screen screen(24, 40, false);
  const std::string out = screen.show({{.kind = Entry::Kind::incoming, .time = "12:00", .who = "fredy", .text = text}}, {});
  EXPECT_THAT(out, testing::HasSubstr("… (100001 bytes"));
}

TEST(ScreenOfLongText, ShowsAMessageOfAsManyRowsAsAreShownWhole) {
  std::string text = "0";
  for (int i = 1; i < 40; ++i) text += "\n" + std::to_string(i);
  Screen screen(24, 40, false);
  const std::string out = screen.show({{.kind = Entry::Kind::incoming, .time = "12:00", .who = "fredy", .text = text}}, {});
  EXPECT_THAT(out, testing::EndsWith("39\r\n"));
}

}  // namespace
}  // namespace hermes::terminal
