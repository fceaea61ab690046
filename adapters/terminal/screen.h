// The part of the terminal above the line being typed: the entries shown, and the status row. Turns changes into the bytes to
// write. They are plain ANSI sequences (ECMA-48 CUU, CUF, ED; DECSC, DECRC) and leave no mode switched on, so that a killed
// client leaves a usable terminal.
//
//   rows of the entries       scroll away upwards, into the terminal's own scroll-back
//   status row, if any        "David is typing…"
//   prompt and line           drawn by libedit, over `area.rows` rows
//
// No I/O; not thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/terminal/console.h"
#include "adapters/terminal/text_layout.h"

namespace hermes::terminal {

class Screen {
 public:
  // How many entries are kept, for changing marks and for redrawing after a change of size. No terminal has more rows.
  static constexpr std::size_t kMaxEntries = 500;

  Screen(std::size_t rows, std::size_t columns, bool colours) : rows_(rows), columns_(columns), colours_(colours) {}

  // Each of these takes libedit's present position (`area`), and leaves the cursor at the beginning of the row where the prompt
  // must be drawn again.
  std::string show(const std::vector<Entry>& entries, const EditArea& area);
  std::string set_status(std::string_view text, const EditArea& area);
  std::string erase_edit_area(const EditArea& area);  // also erases the status row
  std::string draw_status();                          // after erase_edit_area
  std::string draw_again(std::size_t rows, std::size_t columns);

  // Leaves the cursor where it is. Empty if the entry has scrolled away or is not known.
  std::string set_mark(std::string_view key, Mark mark, const EditArea& area);

  const std::string& status() const { return status_; }
  std::size_t columns() const { return columns_; }

 private:
  struct Shown {
    Entry entry;
    std::size_t rows;
  };

  std::vector<std::string> rows_of(const Entry& entry) const;
  std::string mark_text(Mark mark) const;
  std::string styled(std::string_view text, const char* style) const;
  std::size_t status_rows() const { return status_is_drawn_ ? 1 : 0; }

  std::size_t rows_;
  std::size_t columns_;
  bool colours_;
  std::string status_;
  bool status_is_drawn_ = false;
  std::deque<Shown> shown_;
};

}  // namespace hermes::terminal
