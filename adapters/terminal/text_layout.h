// The layout of text on a terminal: where it wraps, and where libedit's cursor is. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hermes::terminal {

// Cuts text into rows of at most `columns`, at blanks or between wide characters where possible; never inside a character,
// between a letter and its accents, or inside an emoji sequence. At least one row. If terminals disagree about a sequence's
// width, the larger width is used, so that a row never overflows. `hanging`: blanks before each row but the first, counted
// within `columns`. Requires: the text is escaped; columns > hanging.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns, std::size_t hanging = 0);

// Where libedit's cursor is after it has drawn a prompt and a line: how many rows they take, and the cursor's row (0: the
// first) and column. It follows libedit's own rules: a row is full when its last column is used, a wide character that does not
// fit moves to the next row, a tab goes to the next multiple of eight, an unprintable character is shown as ^X or \U+XXXX.
// Requires: the process's LC_CTYPE is UTF-8, like libedit's; columns > 0; cursor <= line.size().
struct EditArea {
  std::size_t rows = 1;
  std::size_t cursor_row = 0;
  std::size_t cursor_column = 0;
};
EditArea edit_area(std::wstring_view prompt, std::wstring_view line, std::size_t cursor, std::size_t columns);

// Pasted text, made part of the line being typed: line ends become '\n', with none at the end; tabs stay; all other control
// characters are removed.
std::wstring as_typed(std::wstring_view pasted);

// Convert UTF-8 to libedit's wide characters and back; invalid ones become U+FFFD.
std::wstring widened(std::string_view text);
std::string narrowed(std::wstring_view text);

}  // namespace hermes::terminal
