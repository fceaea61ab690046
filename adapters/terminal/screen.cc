#include "adapters/terminal/screen.h"

#include <algorithm>

#include "base/printable_text.h"

namespace hermes::terminal {
namespace {

constexpr std::size_t kMarkColumns = 3;
// On a narrower terminal nothing useful fits beside time and mark: the text then starts at the left edge.
constexpr std::size_t kNarrow = 24;
// The most rows of one message: more would push the conversation off the screen.
constexpr std::size_t kMaxRows = 40;
constexpr std::size_t kBytesOfCharacterMax = 4;

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kCyan = "\x1b[36m";
constexpr const char* kPlain = "\x1b[0m";

std::string up(std::size_t rows) { return rows == 0 ? "" : "\x1b[" + std::to_string(rows) + "A"; }
std::string right(std::size_t columns) { return columns == 0 ? "" : "\x1b[" + std::to_string(columns) + "C"; }

const char* drawn(Mark mark) {
  switch (mark) {
    case Mark::none: return "   ";
    case Mark::waiting: return "…  ";
    case Mark::stored: return "✓  ";
    case Mark::delivered: return "✓✓ ";
    case Mark::read: return "✓✓✓";
    case Mark::refused: return "✗  ";
  }
  return "   ";
}

// The lines of a message, each wrapped. A long message is cut, with a note of its length.
std::vector<std::string> rows_of_text(const std::string& before, std::string_view text, std::size_t columns) {
  std::vector<std::string> rows;
  std::string head = before;
  for (std::string_view rest = text;;) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    // Enough to fill the rows that are shown, whatever the characters.
    const bool more_of_line = line.size() > kMaxRows * columns * kBytesOfCharacterMax;
    if (more_of_line) line = line.substr(0, kMaxRows * columns * kBytesOfCharacterMax);
    for (std::string& row : wrapped(head + escape_for_terminal(line), columns)) rows.push_back(std::move(row));
    head.clear();
    if (rows.size() > kMaxRows || more_of_line) break;
    if (end == std::string_view::npos) return rows;
    rest.remove_prefix(end + 1);
  }
  rows.resize(std::min(rows.size(), kMaxRows - 1));
  rows.push_back("… (" + std::to_string(text.size()) + " bytes; the whole: hermes timeline, or psql)");
  return rows;
}

}  // namespace

std::string Screen::show(const std::vector<Entry>& entries, const EditArea& area) {
  std::string out = erase_edit_area(area);
  for (const Entry& entry : entries) {
    const std::vector<std::string> rows = rows_of(entry);
    for (const std::string& row : rows) out += row + "\r\n";
    shown_.push_back({entry, rows.size()});
    if (shown_.size() > kMaxEntries) shown_.pop_front();
  }
  return out + draw_status();
}

std::string Screen::set_status(std::string_view text, const EditArea& area) {
  std::string out = erase_edit_area(area);
  status_ = shorten(escape_for_terminal(text), columns_ - 1);
  return out + draw_status();
}

std::string Screen::erase_edit_area(const EditArea& area) {
  // Rows that have scrolled off the top cannot be reached.
  const std::size_t rows_up = std::min(area.cursor_row + status_rows(), rows_ - 1);
  status_is_drawn_ = false;
  return "\r" + up(rows_up) + "\x1b[J";
}

std::string Screen::draw_status() {
  status_is_drawn_ = !status_.empty();
  return status_is_drawn_ ? styled(status_, kDim) + "\r\n" : "";
}

std::string Screen::draw_again(std::size_t rows, std::size_t columns) {
  rows_ = rows;
  columns_ = columns;
  status_ = shorten(status_, columns_ - 1);
  std::size_t used = 2;  // prompt and status
  std::size_t first = shown_.size();
  for (std::size_t i = shown_.size(); i-- > 0;) {
    shown_[i].rows = rows_of(shown_[i].entry).size();
    used += shown_[i].rows;
    if (used <= rows_) first = i;
  }
  status_is_drawn_ = false;
  std::string out = "\x1b[H\x1b[2J";
  for (std::size_t i = first; i < shown_.size(); ++i) {
    for (const std::string& row : rows_of(shown_[i].entry)) out += row + "\r\n";
  }
  return out + draw_status();
}

std::string Screen::set_mark(std::string_view key, Mark mark, const EditArea& area) {
  std::size_t distance = 0;
  for (auto shown = shown_.rbegin(); shown != shown_.rend(); ++shown) {
    distance += shown->rows;
    if (shown->entry.key != key) continue;
    shown->entry.mark = mark;
    const std::size_t rows_up = area.cursor_row + status_rows() + distance;
    if (rows_up >= rows_) return {};
    const std::size_t column = display_width(shown->entry.time) + 1;
    return "\x1b"
           "7\r" +
           up(rows_up) + right(column) + mark_text(mark) +
           "\x1b"
           "8";
  }
  return {};
}

std::vector<std::string> Screen::rows_of(const Entry& entry) const {
  const std::size_t width = std::max<std::size_t>(columns_ - 1, 2);
  if (entry.kind == Entry::Kind::note) {
    const std::string text = escape_for_terminal(entry.text);
    std::vector<std::string> rows = entry.one_row ? std::vector{shorten(text, width)}
                                                  : wrapped(text, width, width < entry.hanging + kNarrow ? 0 : entry.hanging);
    for (std::string& row : rows) row = styled(row, kDim);
    return rows;
  }
  const std::string who = escape_for_terminal(entry.who) + ":";
  const std::string id = escape_for_terminal(entry.id) + (entry.id.empty() ? "" : " ");
  const std::size_t margin = display_width(entry.time) + 1 + kMarkColumns + 1 + display_width(id);
  const bool narrow = width < margin + kNarrow;
  const std::size_t indent = narrow ? 0 : margin;
  std::vector<std::string> rows = rows_of_text(who + " ", entry.text, width - (narrow ? 0 : margin));
  if (rows[0].starts_with(who)) rows[0] = styled(who, kBold) + rows[0].substr(who.size());
  for (std::size_t i = 1; i < rows.size(); ++i) rows[i].insert(0, indent, ' ');
  const std::string head = styled(entry.time, kDim) + " " + mark_text(entry.mark) + " " + styled(id, kDim);
  if (narrow) {
    rows.insert(rows.begin(), head);
  } else {
    rows[0].insert(0, head);
  }
  return rows;
}

std::string Screen::mark_text(Mark mark) const { return styled(drawn(mark), mark == Mark::read ? kCyan : kDim); }

std::string Screen::styled(std::string_view text, const char* style) const {
  return colours_ && !text.empty() ? style + std::string(text) + kPlain : std::string(text);
}

}  // namespace hermes::terminal
