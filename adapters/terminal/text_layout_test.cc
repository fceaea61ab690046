#include "adapters/terminal/text_layout.h"

#include <gmock/gmock.h>

#include <clocale>

#include "base/printable_text.h"

namespace hermes::terminal {
namespace {

using ::testing::ElementsAre;

class TextLayout : public ::testing::Test {
 protected:
  TextLayout() { std::setlocale(LC_CTYPE, "C.UTF-8"); }
};

TEST_F(TextLayout, WrapsAtBlanks) {
  EXPECT_THAT(wrapped("the quick brown fox", 10), ElementsAre("the quick", "brown fox"));
  EXPECT_THAT(wrapped("the quick", 9), ElementsAre("the quick"));
  EXPECT_THAT(wrapped("", 9), ElementsAre(""));
}

TEST_F(TextLayout, WrapsInsideAWordThatIsTooLong) {
  EXPECT_THAT(wrapped("abcdefghij", 4), ElementsAre("abcd", "efgh", "ij"));
  EXPECT_THAT(wrapped("x abcdefghij", 4), ElementsAre("x", "abcd", "efgh", "ij"));
}

TEST_F(TextLayout, IndentsAllRowsButTheFirstWhereAsked) {
  EXPECT_THAT(wrapped("help  the list of all commands", 14, 6),
              ElementsAre("help  the list", "      of all", "      commands"));
  EXPECT_THAT(wrapped("abcdefghij", 6, 2), ElementsAre("abcdef", "  ghij"));
}

TEST_F(TextLayout, MakesNoRowOfBlanksBeforeAWordThatIsTooLong) {
  EXPECT_THAT(wrapped("  abcdefghij", 6), ElementsAre("  abcd", "efghij"));
}

TEST_F(TextLayout, WrapsBetweenWideCharactersButNotBeforeWhatEndsAPhrase) {
  EXPECT_THAT(wrapped("you: 世界世界世界", 11), ElementsAre("you: 世界世", "界世界"));
  EXPECT_THAT(wrapped("世界世界。", 8), ElementsAre("世界世", "界。"));
  EXPECT_THAT(wrapped("世界 abc", 6), ElementsAre("世界", "abc"));
}

TEST_F(TextLayout, NeverCutsACharacterAnAccentOrAnEmojiSequence) {
  EXPECT_THAT(wrapped("世界世", 5), ElementsAre("世界", "世"));
  EXPECT_THAT(wrapped("aae\u0301", 3), ElementsAre("aae\u0301"));
  EXPECT_THAT(wrapped("a👩‍💻", 4), ElementsAre("a", "👩‍💻"));
}

TEST_F(TextLayout, GetsOnWhereNothingFits) { EXPECT_THAT(wrapped("世界", 1), ElementsAre("世", "界")); }

TEST_F(TextLayout, NoRowIsWiderThanAsked) {
  const std::string text =
      "Grüße an 世界 und alle 👩‍💻❤️ שלום עולם anderen, abcdefghijklmnopqrstuvwxyz 世世世世世世";
  for (std::size_t columns = 4; columns < 60; ++columns) {
    for (const std::string& row : wrapped(text, columns)) EXPECT_LE(display_width(row), columns);
  }
}

TEST_F(TextLayout, KnowsWhereLibeditsCursorIs) {
  EditArea area = edit_area(L"> ", L"hello", 5, 80);
  EXPECT_EQ(area.rows, 1u);
  EXPECT_EQ(area.cursor_column, 7u);
  area = edit_area(L"> ", L"hello", 2, 80);
  EXPECT_EQ(area.cursor_column, 4u);
  area = edit_area(L"> ", std::wstring(18, L'x'), 18, 10);  // exactly two rows: the cursor is on the third
  EXPECT_EQ(area.rows, 3u);
  EXPECT_EQ(area.cursor_row, 2u);
  EXPECT_EQ(area.cursor_column, 0u);
}

TEST_F(TextLayout, MovesAWideCharacterThatDoesNotFitToTheNextRow) {
  const EditArea area = edit_area(L"", L"xxx世y", 3, 4);
  EXPECT_EQ(area.cursor_row, 1u);
  EXPECT_EQ(area.cursor_column, 0u);
  EXPECT_EQ(area.rows, 2u);
}

TEST_F(TextLayout, CountsWhatLibeditMakesVisible) {
  EXPECT_EQ(edit_area(L"", L"\x01", 1, 80).cursor_column, 2u);  // ^A
  EXPECT_EQ(edit_area(L"", L"a\tb", 2, 80).cursor_column, 8u);
}

TEST_F(TextLayout, ConvertsBothWays) {
  EXPECT_EQ(narrowed(widened("Grüße 世界 😀")), "Grüße 世界 😀");
  EXPECT_EQ(narrowed(widened("a\xff"
                             "b")),
            "a\ufffd"
            "b");
}

TEST(AsTyped, IsWhatWasPastedWithoutWhatATerminalObeys) {
  EXPECT_EQ(as_typed(L"one\ntwo\n"), L"one\ntwo");
  EXPECT_EQ(as_typed(L"one\r\ntwo\rthree\r"), L"one\ntwo\nthree");
  EXPECT_EQ(as_typed(L"\n\n one\n\n two \n\n"), L"\n\n one\n\n two ");
  EXPECT_EQ(as_typed(L"a\tb"), L"a\tb");
  EXPECT_EQ(as_typed(L"a\x1b[2Jb\x03\x7f\x9b"
                     L"c"),
            L"a[2Jbc");
  EXPECT_EQ(as_typed(L"日本é"), L"日本é");
  EXPECT_EQ(as_typed(L""), L"");
  EXPECT_EQ(as_typed(L"\n"), L"");
}

}  // namespace
}  // namespace hermes::terminal
