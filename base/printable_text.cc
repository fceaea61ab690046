#include "base/printable_text.h"

#include <locale.h>

#include <cstdint>
#include <cwchar>

namespace hermes {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

// The first character of `text`, by the table of well-formed sequences (Unicode 15, table 3-7).
// Requires: text is not empty.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  std::size_t length = 0;
  unsigned char second_min = 0x80;
  unsigned char second_max = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) length = 2;
  if (lead >= 0xE0 && lead <= 0xEF) length = 3;
  if (lead >= 0xF0 && lead <= 0xF4) length = 4;
  if (lead == 0xE0) second_min = 0xA0;  // shorter forms exist
  if (lead == 0xED) second_max = 0x9F;  // surrogates
  if (lead == 0xF0) second_min = 0x90;
  if (lead == 0xF4) second_max = 0x8F;  // past U+10FFFF
  if (length == 0 || text.size() < length || byte(1) < second_min || byte(1) > second_max) return {};
  char32_t code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  return {code, length, true};
}

bool drives_a_terminal(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F)  // C0, DEL, C1
         || code == 0x2028 || code == 0x2029            // line and paragraph separator
         || (code >= 0x202A && code <= 0x202E)          // bidirectional embeddings and overrides
         || (code >= 0x2066 && code <= 0x2069);         // bidirectional isolates
}

// Invisible characters: with them, two different names look the same. Flags and families of emoji need some of them; Neighbours
// lets those through.
bool is_invisible(char32_t code) {
  return code == 0xAD || code == 0x61C || code == 0x180E  // soft hyphen, Arabic letter mark, Mongolian vowel separator
         || (code >= 0x200B && code <= 0x200F)            // zero width space, joiners, direction marks
         || (code >= 0x2060 && code <= 0x2064)            // word joiner, invisible operators
         || (code >= 0x206A && code <= 0x206F)            // deprecated format characters
         || code == 0x3164 || code == 0xFEFF              // Hangul filler, byte order mark
         || (code >= 0xE0000 && code <= 0xE007F);         // tags
}

// Joiners join emoji, and shape letters of Arabic and Indic scripts; behind a letter of a European script they do nothing but
// hide. Tags follow the black flag of a region (England's), and each other.
class Neighbours {
 public:
  bool needs(char32_t code) const {
    constexpr char32_t kFirstJoiningScript = 0x590;
    if (code == 0x200C || code == 0x200D) return before_ >= kFirstJoiningScript && !is_invisible(before_);
    return code >= 0xE0020 && code <= 0xE007F && in_flag_;
  }
  void passed(char32_t code) {
    constexpr char32_t kBlackFlag = 0x1F3F4;
    constexpr char32_t kCancelTag = 0xE007F;
    in_flag_ = code == kBlackFlag || (in_flag_ && code >= 0xE0020 && code < kCancelTag);
    before_ = code;
  }

 private:
  char32_t before_ = 0;
  bool in_flag_ = false;
};

void append_hex(std::string& out, char32_t value, int digits) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kDigits[value >> shift & 0xF];
}

void append_escaped(std::string& out, char32_t code) {
  if (code == '\n') {
    out += "\\n";
  } else if (code == '\t') {
    out += "\\t";
  } else if (code == '\r') {
    out += "\\r";
  } else if (code <= 0xFF) {
    out += "\\x";
    append_hex(out, code, 2);
  } else {
    out += code <= 0xFFFF ? "\\u" : "\\U";
    append_hex(out, code, code <= 0xFFFF ? 4 : 8);
  }
}

// The C library knows the widths of characters, in a UTF-8 locale; glibc always has this one. The process's own locale is not
// changed.
int width_of(char32_t code) {
  static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (utf8 == nullptr) return 1;
  const locale_t previous = uselocale(utf8);
  const int width = wcwidth(static_cast<wchar_t>(code));
  uselocale(previous);
  return width < 0 ? 1 : width;  // unassigned: terminals show one replacement
}

}  // namespace

std::string escape_for_terminal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  Neighbours neighbours;
  while (!text.empty()) {
    const Character character = first_character(text);
    if (!character.valid) {
      out += "\\x";
      append_hex(out, static_cast<unsigned char>(text[0]), 2);
    } else if (drives_a_terminal(character.code) || (is_invisible(character.code) && !neighbours.needs(character.code))) {
      append_escaped(out, character.code);
    } else {
      out += text.substr(0, character.bytes);
    }
    neighbours.passed(character.code);
    text.remove_prefix(character.bytes);
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    width += static_cast<std::size_t>(width_of(character.code));
    text.remove_prefix(character.bytes);
  }
  return width;
}

std::string shorten(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t width = 0;
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    const Character character = first_character(text.substr(bytes));
    width += static_cast<std::size_t>(width_of(character.code));
    if (width > columns - 1) break;  // one column is for the ellipsis
    bytes += character.bytes;
  }
  return std::string(text.substr(0, bytes)) + "…";
}

}  // namespace hermes
