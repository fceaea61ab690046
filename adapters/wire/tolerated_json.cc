#include "adapters/wire/tolerated_json.h"

#include <algorithm>
#include <optional>

namespace hermes::wire {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
// JSON's blanks (RFC 8259, 2), and the end of a C string.
constexpr std::string_view kBlanksAndNuls{" \t\r\n\0", 5};
constexpr std::size_t kEscapeLength = 6;  // \uXXXX
// The largest double has three.
constexpr std::size_t kExponentDigits = 4;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<unsigned> hexadecimal(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// The code unit of the \uXXXX at this place.
std::optional<unsigned> escaped_unit(std::string_view json, std::size_t at) {
  if (json.size() < at + kEscapeLength || json[at] != '\\' || json[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  for (std::size_t i = at + 2; i < at + kEscapeLength; ++i) {
    const auto digit = hexadecimal(json[i]);
    if (!digit) return std::nullopt;
    unit = unit * 16 + *digit;
  }
  return unit;
}

bool is_high_surrogate(unsigned unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low_surrogate(unsigned unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

class Mender {
 public:
  explicit Mender(std::string_view json) : json_(json) {}

  Mended mend() {
    bool in_string = false;
    for (std::size_t at = 0; at < json_.size();) {
      if (in_string && json_[at] == '\\') {
        at += escape(at);
        continue;
      }
      if (json_[at] == '"') in_string = !in_string;
      if (!in_string && at > 0 && (json_[at] == 'e' || json_[at] == 'E') && is_digit(json_[at - 1])) exponent(at + 1);
      ++at;
    }
    return {std::move(json_), half_pairs_};
  }

 private:
  // The escape's length.
  std::size_t escape(std::size_t at) {
    const auto unit = escaped_unit(json_, at);
    if (!unit) return 2;
    if (is_high_surrogate(*unit)) {
      const auto next = escaped_unit(json_, at + kEscapeLength);
      if (next && is_low_surrogate(*next)) return 2 * kEscapeLength;
    }
    if (is_high_surrogate(*unit) || is_low_surrogate(*unit)) {
      json_.replace(at, kEscapeLength, "\\ufffd");
      half_pairs_ = true;
    }
    return kEscapeLength;
  }

  void exponent(std::size_t at) {
    if (at < json_.size() && (json_[at] == '+' || json_[at] == '-')) ++at;
    std::size_t end = at;
    while (end < json_.size() && is_digit(json_[end])) ++end;
    if (end - at > kExponentDigits)
      std::fill(json_.begin() + static_cast<long>(at), json_.begin() + static_cast<long>(end), '0');
  }

  std::string json_;
  bool half_pairs_ = false;
};

}  // namespace

std::string_view without_wrapping(std::string_view payload) {
  if (payload.starts_with(kByteOrderMark)) payload.remove_prefix(kByteOrderMark.size());
  const std::size_t last = payload.find_last_not_of(kBlanksAndNuls);
  return payload.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

Mended mend_json(std::string_view json) { return Mender(json).mend(); }

}  // namespace hermes::wire
