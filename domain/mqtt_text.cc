#include "domain/mqtt_text.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace hermes::domain {
namespace {

bool is_control(std::uint32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

// Unicode 15, 23.7: the last two of each plane, and 32 more.
bool is_non_character(std::uint32_t code) { return (code & 0xFFFE) == 0xFFFE || (code >= 0xFDD0 && code <= 0xFDEF); }

// Requires: `at` is at the lead byte of a well-formed sequence, which it is moved past.
std::uint32_t take_code_point(const char*& at) {
  const auto lead = static_cast<unsigned char>(*at++);
  if (lead < 0x80) return lead;
  const int continuation_bytes = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  std::uint32_t code = lead & (0x3Fu >> continuation_bytes);
  for (int i = 0; i < continuation_bytes; ++i) code = code << 6 | (static_cast<unsigned char>(*at++) & 0x3Fu);
  return code;
}

}  // namespace

std::optional<std::string> what_brokers_refuse(std::string_view text) {
  const auto is_usual = [](char byte) { return byte >= 0x20 && byte < 0x7F; };
  if (std::ranges::all_of(text, is_usual)) return std::nullopt;  // nearly always
  if (auto checked = check_text("", text, text.size()); !checked) return checked.error().problem;
  for (const char* at = text.data(); at != text.data() + text.size();) {
    const std::uint32_t code = take_code_point(at);
    if (is_control(code)) return "contains a control character";
    if (!is_non_character(code)) continue;
    char name[sizeof "U+10FFFF"];
    std::snprintf(name, sizeof name, "U+%04X", code);
    return std::string("contains ") + name + ", a non-character, which MQTT brokers refuse";
  }
  return std::nullopt;
}

}  // namespace hermes::domain
