#include "adapters/terminal/text_layout.h"

#include <cwchar>
#include <cwctype>

#include "base/printable_text.h"

namespace hermes::terminal {
namespace {

constexpr std::string_view kJoiner = "\u200d";
constexpr std::string_view kVariationSelector16 = "\ufe0f";

// Bytes of the character at the beginning. Requires: valid UTF-8, not empty.
std::size_t character_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return std::min(bytes, text.size());
}

struct Cluster {
  std::string_view text;
  std::size_t columns;
};

// A character with everything that must stay beside it: combining marks, variation selectors, joined characters.
Cluster first_cluster(std::string_view text) {
  std::size_t bytes = character_bytes(text);
  std::size_t columns = display_width(text.substr(0, bytes));
  bool joined = false;
  while (bytes < text.size()) {
    const std::string_view next = text.substr(bytes, character_bytes(text.substr(bytes)));
    const std::size_t width = display_width(next);
    if (width > 0 && !joined) break;
    joined = next == kJoiner;
    columns += width;
    if (next == kVariationSelector16 && columns == 1) columns = 2;
    bytes += next.size();
  }
  return {text.substr(0, bytes), columns};
}

// Text in Chinese or Japanese has no blanks: it is cut between any two wide characters, but not before one that ends a phrase.
bool may_begin_a_row(std::string_view wide) {
  static constexpr std::string_view kEnding = "、。，．：；？！）」』】〉》〕］｝々ーっゃゅょッャュョ";
  return kEnding.find(wide) == std::string_view::npos;
}

struct Cursor {
  std::size_t columns;  // of the terminal
  std::size_t row = 0;
  std::size_t column = 0;

  void next_row() { ++row, column = 0; }
  void put(std::size_t width) {
    if (column + width > columns) next_row();  // libedit pads with blanks
    column += width;
    if (column >= columns) next_row();
  }
  void put_character(wchar_t c) {
    if (c == L'\t') {
      do put(1);
      while (column % 8 != 0);
    } else if (c == L'\n') {
      next_row();
    } else if (std::iswcntrl(static_cast<wint_t>(c)) && c < 0x80) {
      put(1), put(1);  // ^X
    } else if (std::iswprint(static_cast<wint_t>(c))) {
      const int width = ::wcwidth(c);
      put(width > 0 ? static_cast<std::size_t>(width) : 0);
    } else {
      const int digits = c > 0xffff ? 5 : 4;
      for (int i = 0; i < 3 + digits; ++i) put(1);  // \U+XXXX
    }
  }
};

}  // namespace

std::vector<std::string> wrapped(std::string_view text, std::size_t columns, std::size_t hanging) {
  std::vector<std::string> rows;
  const auto add = [&](std::string_view row) { rows.push_back(std::string(rows.empty() ? 0 : hanging, ' ').append(row)); };
  std::size_t used = 0;
  std::size_t at = 0;       // bytes of `text` that are in the current row
  std::size_t can_cut = 0;  // the last place where the row can be cut: behind a blank, between wide characters
  bool behind_wide = false;
  bool only_blanks = true;  // avoids an empty row of blanks before a long word
  while (at < text.size()) {
    const Cluster cluster = first_cluster(text.substr(at));
    const bool wide = cluster.columns > 1;
    if (behind_wide && wide && may_begin_a_row(cluster.text)) can_cut = at;
    if (used + cluster.columns > columns && at > 0) {
      const bool at_blank = cluster.text == " ";
      std::size_t cut = at_blank || can_cut == 0 ? at : can_cut;
      std::string_view row = text.substr(0, cut);
      while (row.ends_with(' ')) row.remove_suffix(1);
      if (rows.empty()) columns -= hanging;
      add(row);
      text.remove_prefix(cut);
      while (at_blank && text.starts_with(' ')) text.remove_prefix(1);
      used = at = can_cut = 0;
      behind_wide = false;
      only_blanks = true;
      continue;
    }
    used += cluster.columns;
    at += cluster.text.size();
    only_blanks = only_blanks && cluster.text == " ";
    if (cluster.text == " " && !only_blanks) can_cut = at;
    behind_wide = wide;
  }
  if (at > 0 || rows.empty()) add(text);
  return rows;
}

EditArea edit_area(std::wstring_view prompt, std::wstring_view line, std::size_t cursor, std::size_t columns) {
  Cursor at{columns};
  for (const wchar_t c : prompt) at.put_character(c);
  EditArea area;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (i == cursor) {
      area.cursor_row = at.row;
      area.cursor_column = at.column;
      const int width = ::wcwidth(line[i]);
      if (width > 1 && at.column + static_cast<std::size_t>(width) > columns)
        area.cursor_row = at.row + 1, area.cursor_column = 0;
    }
    at.put_character(line[i]);
  }
  if (cursor >= line.size()) area.cursor_row = at.row, area.cursor_column = at.column;
  area.rows = at.row + 1;
  return area;
}

std::wstring as_typed(std::wstring_view pasted) {
  std::wstring typed;
  for (std::size_t i = 0; i < pasted.size(); ++i) {
    wchar_t c = pasted[i];
    if (c == L'\r') {
      if (i + 1 < pasted.size() && pasted[i + 1] == L'\n') continue;
      c = L'\n';
    }
    const bool is_control = c < 0x20 || (c >= 0x7F && c < 0xA0);
    if (!is_control || c == L'\n' || c == L'\t') typed += c;
  }
  while (typed.ends_with(L'\n')) typed.pop_back();
  return typed;
}

std::wstring widened(std::string_view text) {
  std::wstring out;
  std::mbstate_t state{};
  while (!text.empty()) {
    wchar_t c = 0;
    const std::size_t bytes = std::mbrtowc(&c, text.data(), text.size(), &state);
    if (bytes == 0 || bytes > text.size()) {
      out += static_cast<wchar_t>(0xfffd);
      text.remove_prefix(1);
      state = {};
    } else {
      out += c;
      text.remove_prefix(bytes);
    }
  }
  return out;
}

std::string narrowed(std::wstring_view text) {
  std::string out;
  std::mbstate_t state{};
  for (const wchar_t c : text) {
    char bytes[8];
    const std::size_t count = std::wcrtomb(bytes, c, &state);
    if (count == static_cast<std::size_t>(-1)) {
      out += "\ufffd";
      state = {};
    } else {
      out.append(bytes, count);
    }
  }
  return out;
}

}  // namespace hermes::terminal
