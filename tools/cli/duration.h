// Durations as people write them on a command line: 10s, 500ms, 2m, 1h. A bare number is seconds.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace hermes::tools {

// Nothing for text of another form, and for a duration that is too long.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// An error text, or empty (Option::check).
std::string check_duration(const std::string& text);

}  // namespace hermes::tools
