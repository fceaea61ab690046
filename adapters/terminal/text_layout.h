// Text on rows of a terminal: where it wraps, and where libedit's cursor is. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hermes::terminal {

// Cuts text into rows of at most `columns`, at blanks or between wide characters where possible; never inside a character,
// between a letter and its accents, or inside an emoji sequence. At least one row. Where terminals disagree about a sequence's
// width the larger one is taken, so that a row never runs over. `hanging`: blanks before each row but the first, within the
// columns. Requires: the text is escaped; columns > hanging.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns, std::size_t hanging = 0);

// Where libedit stands after it has drawn a prompt and a line: the rows they take, and the cursor's row (0: the first) and
// column. It follows libedit's own rules: a row is full when its last column is used, a wide character that does not fit moves
// to the next row, a tab goes to the next multiple of eight, what cannot be printed is shown as ^X or \U+XXXX. Requires: the
// process's LC_CTYPE is of UTF-8, as libedit's is; columns > 0; cursor <= line.size().
struct EditArea {
  std::size_t rows = 1;
  std::size_t cursor_row = 0;
  std::size_t cursor_column = 0;
};
EditArea edit_area(std::wstring_view prompt, std::wstring_view line, std::size_t cursor, std::size_t columns);

// What was pasted, as text of one line being typed: line ends are '\n' and none stands at its end; tabs stay; of what else a
// terminal would obey nothing is left.
std::wstring as_typed(std::wstring_view pasted);

// UTF-8 from and to what libedit speaks; what is not a character becomes U+FFFD.
std::wstring widened(std::string_view text);
std::string narrowed(std::wstring_view text);

}  // namespace hermes::terminal
