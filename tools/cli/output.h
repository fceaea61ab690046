// Output for people (aligned tables, colours on a terminal) and for programs (JSON).
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hermes::tools {

enum class Style { plain, bold, dim, good, warning, bad };

// Whether colours may be used on stdout: a terminal, and NO_COLOR is not set (no-color.org).
bool colours_wanted();

// `text` in the colours of `style` if colours are wanted, else as it is. Does not escape.
std::string styled(std::string_view text, Style style);

// A cell's text is escaped when it is printed, so no raw text of a message reaches the terminal.
struct Cell {
  Cell(std::string cell_text, Style cell_style = Style::plain) : text(std::move(cell_text)), style(cell_style) {}
  Cell(const char* cell_text) : text(cell_text) {}
  std::string text;
  Style style = Style::plain;
};

// Columns aligned by display width, two spaces apart; the last one is not padded.
class Table {
 public:
  enum class Align { left, right };
  struct Column {
    Column(const char* column_title, Align column_align = Align::left) : title(column_title), align(column_align) {}
    // The least width: output that grows (--watch, --follow) is printed in pieces, whose columns must line up.
    Column(const char* column_title, std::size_t min) : title(column_title), align(Align::left), width_min(min) {}
    std::string title;
    Align align;
    std::size_t width_min = 0;
    std::size_t width_max = 120;  // wider cells are cut with an ellipsis
  };

  explicit Table(std::vector<Column> columns);

  // Requires: as many cells as there are columns.
  void add(std::vector<Cell> cells);

  bool empty() const { return rows_.empty(); }
  // Header and rows, each line ended; trailing spaces are left out.
  std::string str() const;
  // The header alone.
  std::string header() const;
  // Returns the rows alone and forgets them: the next piece of output that grows.
  std::string take_rows();

 private:
  std::string line(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths) const;
  std::vector<std::size_t> widths() const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// Whether stdout is a pipe that nobody reads any more (hermes tail --follow | head). A command that waits for its next output
// would otherwise notice only then.
bool nobody_reads_stdout();

// Prints a value as one line on stdout, for `--json`. Streams print one value per line.
void print_json(const boost::json::value& value);

// "850 µs", "12.3 ms", "4.5 s", "2 min 5 s", "3 h 4 min", "2 d 3 h".
std::string human_duration(std::chrono::microseconds duration);
// "512 B", "1.5 KiB", "2.0 GiB".
std::string human_bytes(std::uint64_t bytes);

}  // namespace hermes::tools
