#include "base/timestamp.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace hermes {
namespace {

using std::chrono::microseconds;

void put_digits(char* to, int width, std::int64_t value) {
  for (int i = width - 1; i >= 0; --i, value /= 10) to[i] = static_cast<char>('0' + value % 10);
}

// Takes a text from the front, piece by piece.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool at_digit() const { return is_digit(peek()); }

  bool take(char expected) {
    if (peek() != expected) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Exactly `width` digits.
  std::optional<int> number(int width) {
    if (rest_.size() < static_cast<std::size_t>(width)) return std::nullopt;
    int value = 0;
    for (int i = 0; i < width; ++i) {
      if (!is_digit(rest_[static_cast<std::size_t>(i)])) return std::nullopt;
      value = value * 10 + (rest_[static_cast<std::size_t>(i)] - '0');
    }
    rest_.remove_prefix(static_cast<std::size_t>(width));
    return value;
  }

  // Any number of digits after the point, at least one, as microseconds.
  std::optional<microseconds> fraction() {
    std::int64_t value = 0;
    int digits = 0;
    for (; is_digit(peek()); rest_.remove_prefix(1)) {
      if (digits < 6) {
        value = value * 10 + (peek() - '0');
        ++digits;
      }
    }
    if (digits == 0) return std::nullopt;
    for (; digits < 6; ++digits) value *= 10;
    return microseconds(value);
  }

  bool take(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }

  void blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  // Text in brackets.
  bool suffix() {
    const std::size_t end = peek() == '[' ? rest_.find(']') : std::string_view::npos;
    if (end == std::string_view::npos || end == 1) return false;
    rest_.remove_prefix(end + 1);
    return true;
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  std::string_view rest_;
};

// ISO 8601 writes date and time either both with separators (extended) or both without (basic).
struct Date {
  std::chrono::sys_days day;
  bool extended;
};

std::optional<Date> take_date(Scanner& scanner) {
  const auto year = scanner.number(4);
  if (!year) return std::nullopt;
  const bool extended = scanner.take('-');
  const auto month = scanner.number(2);
  if (!month || scanner.take('-') != extended) return std::nullopt;
  const auto day = scanner.number(2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return Date{std::chrono::sys_days(date), extended};
}

// 24:00 is the end of the day, and a second 60 (a leap second) the beginning of the next minute.
std::optional<microseconds> take_time_of_day(Scanner& scanner, bool extended) {
  const auto hour = scanner.number(2);
  if (!hour || *hour > 24) return std::nullopt;
  // As `date -Ihours` writes it, always with an offset.
  if (scanner.peek() == '+' || scanner.peek() == '-') return std::chrono::hours(*hour);
  if (scanner.take(':') != extended) return std::nullopt;
  const auto minute = scanner.number(2);
  if (!minute || *minute > 59) return std::nullopt;
  microseconds time = std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  if (extended ? scanner.take(':') : scanner.at_digit()) {
    const auto second = scanner.number(2);
    if (!second || *second > 60) return std::nullopt;
    time += std::chrono::seconds(*second);
    if (scanner.take('.') || scanner.take(',')) {
      const auto fraction = scanner.fraction();
      if (!fraction) return std::nullopt;
      time += *fraction;
    }
  }
  if (time > std::chrono::hours(24) && *hour == 24) return std::nullopt;
  return time;
}

// East of UTC; zero for Z; nothing in it if there is no offset.
struct Offset {
  std::optional<std::chrono::minutes> east;
};

bool take_utc(Scanner& scanner) { return scanner.take("UTC") || scanner.take("GMT") || scanner.take('Z') || scanner.take('z'); }

std::optional<Offset> take_offset(Scanner& scanner) {
  scanner.blanks();
  if (scanner.at_end()) return Offset{};
  if (take_utc(scanner)) return Offset{std::chrono::minutes(0)};
  const bool west = scanner.peek() == '-';
  if (!scanner.take('+') && !scanner.take('-')) return std::nullopt;
  const auto hours = scanner.number(2);
  if (!hours || *hours > 23) return std::nullopt;
  int minutes = 0;
  if (scanner.take(':') || scanner.at_digit()) {
    const auto given = scanner.number(2);
    if (!given || *given > 59) return std::nullopt;
    minutes = *given;
  }
  const std::chrono::minutes offset(*hours * 60 + minutes);
  // Go writes the zone's name behind its offset. Only that of UTC says the same everywhere.
  scanner.blanks();
  if (offset == offset.zero()) take_utc(scanner);
  return Offset{west ? -offset : offset};
}

}  // namespace

std::string rfc3339(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text = "0000-00-00T00:00:00.000000Z";
  put_digits(&text[0], 4, static_cast<int>(date.year()));
  put_digits(&text[5], 2, static_cast<unsigned>(date.month()));
  put_digits(&text[8], 2, static_cast<unsigned>(date.day()));
  put_digits(&text[11], 2, clock.hours().count());
  put_digits(&text[14], 2, clock.minutes().count());
  put_digits(&text[17], 2, clock.seconds().count());
  put_digits(&text[20], 6, clock.subseconds().count());
  return text;
}

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  Scanner scanner(text);
  const auto date = take_date(scanner);
  if (!date || !(scanner.take('T') || scanner.take('t') || scanner.take(' '))) return std::nullopt;
  const auto time_of_day = take_time_of_day(scanner, date->extended);
  if (!time_of_day) return std::nullopt;
  const auto offset = take_offset(scanner);
  if (!offset) return std::nullopt;
  while (offset->east && scanner.suffix()) continue;
  scanner.blanks();
  if (!scanner.at_end()) return std::nullopt;

  const Timestamp time = date->day + *time_of_day - offset->east.value_or(std::chrono::minutes(0));
  static constexpr Timestamp kFirst = std::chrono::sys_days(std::chrono::year(1970) / 1 / 1);
  static constexpr Timestamp kEnd = std::chrono::sys_days(std::chrono::year(10000) / 1 / 1);
  if (time < kFirst || time >= kEnd) return std::nullopt;
  return time;
}

}  // namespace hermes
