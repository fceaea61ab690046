// Makes text from strangers safe to show: a message must not control the reader's terminal. Everything that prints names or
// contents uses this (tools, the chat client, log lines).
//
// Pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hermes {

// Escapes what a terminal would obey instead of print: C0 and C1 control characters and DEL (as \n, \t, \r, \x1b),
// bidirectional embeddings, overrides and isolates (Unicode TR 36, 3.4: \u202e), line and paragraph separators (\u2028), and
// bytes that are not UTF-8 (\xff). Also escapes invisible characters, with which "fredy" could be written in many ways: zero
// width spaces, direction marks, tags (\u200b), except joiners and tags that an emoji or a script needs. Everything else stays
// as it is: accents, right-to-left letters, emoji. The result is one line of valid UTF-8.
std::string escape_for_terminal(std::string_view text);

// How many columns a terminal takes for `text`: 2 for wide characters (East Asian, most emoji), 0 for combining ones.
// Requires: the text is escaped.
std::size_t display_width(std::string_view text);

// The longest beginning of `text` that fits into `columns`; if text is cut off, the result ends in an ellipsis, which fits too.
// Requires: the text is escaped.
std::string shorten(std::string_view text, std::size_t columns);

}  // namespace hermes
