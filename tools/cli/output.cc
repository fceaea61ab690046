#include "tools/cli/output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "base/printable_text.h"

namespace hermes::tools {
namespace {

std::string one_decimal(double value) {
  std::array<char, 32> buffer;
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.1f", value);
  return std::string(buffer.data(), static_cast<std::size_t>(length));
}

std::string_view sequence_of(Style style) {
  switch (style) {
    case Style::plain: return "";
    case Style::bold: return "\x1b[1m";
    case Style::dim: return "\x1b[2m";
    case Style::good: return "\x1b[32m";
    case Style::warning: return "\x1b[33m";
    case Style::bad: return "\x1b[31m";
  }
  return "";
}

}  // namespace

bool colours_wanted() {
  static const bool wanted = [] {
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    const bool dumb = term == nullptr || std::string_view(term) == "dumb";
    return (no_color == nullptr || *no_color == '\0') && !dumb && isatty(STDOUT_FILENO) == 1;
  }();
  return wanted;
}

std::string styled(std::string_view text, Style style) {
  if (style == Style::plain || text.empty() || !colours_wanted()) return std::string(text);
  return std::string(sequence_of(style)) + std::string(text) + "\x1b[0m";
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add(std::vector<Cell> cells) {
  assert(cells.size() == columns_.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i].text = shorten(escape_for_terminal(cells[i].text), columns_[i].width_max);
  }
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = std::max(columns_[i].width_min, display_width(columns_[i].title));
    for (const auto& row : rows_) width = std::max(width, display_width(row[i].text));
    widths.push_back(width);
  }
  return widths;
}

std::string Table::line(const std::vector<Cell>& cells, const std::vector<std::size_t>& widths) const {
  std::string out;
  std::size_t owed = 0;  // spaces before the next text, so that no line ends in spaces
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t padding = widths[i] - display_width(cells[i].text);
    const bool right = columns_[i].align == Align::right;
    if (right) owed += padding;
    if (!cells[i].text.empty()) {
      out.append(std::exchange(owed, 0), ' ');
      out += styled(cells[i].text, cells[i].style);
    }
    if (!right) owed += padding;
    owed += 2;
  }
  return out + '\n';
}

std::string Table::header() const {
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.emplace_back(column.title, Style::bold);
  return line(titles, widths());
}

std::string Table::str() const {
  const std::vector<std::size_t> all_widths = widths();
  std::string out = header();
  for (const auto& row : rows_) out += line(row, all_widths);
  return out;
}

std::string Table::take_rows() {
  const std::vector<std::size_t> all_widths = widths();
  std::string out;
  for (const auto& row : rows_) out += line(row, all_widths);
  rows_.clear();
  return out;
}

bool nobody_reads_stdout() {
  pollfd descriptor{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return poll(&descriptor, 1, 0) == 1 && (descriptor.revents & (POLLERR | POLLHUP)) != 0;
}

void print_json(const boost::json::value& value) { std::cout << boost::json::serialize(value) << '\n'; }

std::string human_duration(std::chrono::microseconds duration) {
  const std::int64_t us = duration.count();
  if (us < 0) return "-" + human_duration(-duration);
  if (us < 1000) return std::to_string(us) + " µs";
  if (us < 1'000'000) return one_decimal(static_cast<double>(us) / 1e3) + " ms";
  const std::int64_t s = us / 1'000'000;
  if (s < 60) return one_decimal(static_cast<double>(us) / 1e6) + " s";
  if (s < 3600) return std::to_string(s / 60) + " min " + std::to_string(s % 60) + " s";
  if (s < 86'400) return std::to_string(s / 3600) + " h " + std::to_string(s % 3600 / 60) + " min";
  return std::to_string(s / 86'400) + " d " + std::to_string(s % 86'400 / 3600) + " h";
}

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  static constexpr std::array<const char*, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return one_decimal(value) + " " + kUnits[unit];
}

}  // namespace hermes::tools
