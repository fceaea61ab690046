#include "tools/cli/duration.h"

#include <charconv>
#include <string>

namespace hermes::tools {

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc() || number < 0) return std::nullopt;
  const std::string_view unit(stopped, static_cast<std::size_t>(end - stopped));
  double ms = 0;
  if (unit == "ms") {
    ms = number;
  } else if (unit == "s" || unit.empty()) {
    ms = number * 1e3;
  } else if (unit == "m" || unit == "min") {
    ms = number * 60e3;
  } else if (unit == "h") {
    ms = number * 3600e3;
  } else {
    return std::nullopt;
  }
  constexpr double kYear = 365.0 * 24 * 3600e3;
  if (!(ms <= kYear)) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
}

std::string check_duration(const std::string& text) {
  return parse_duration(text) ? std::string() : "'" + text + "' is not a duration; write 10s, 500ms, 2m or 1h";
}

}  // namespace hermes::tools
