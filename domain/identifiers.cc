#include "domain/identifiers.h"

#include <cstdint>
#include <optional>
#include <string>

namespace hermes::domain {
namespace {

// The properties of a text, found in one pass. Nothing for bytes that are not UTF-8 (RFC 3629: shortest form, no surrogates, at
// most U+10FFFF): PostgreSQL would refuse them.
struct TextFacts {
  std::size_t characters = 0;
  bool has_nul = false;
  bool has_control = false;     // C0, DEL and C1
  char topic_character = '\0';  // the first of '/', '+', '#'
};

std::optional<TextFacts> examine(std::string_view text) {
  TextFacts facts;
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  while (at != end) {
    ++facts.characters;
    const unsigned char lead = *at++;
    if (lead < 0x80) {
      if (lead < 0x20 || lead == 0x7F) {
        facts.has_control = true;
        facts.has_nul |= lead == 0;
      } else if ((lead == '/' || lead == '+' || lead == '#') && facts.topic_character == '\0') {
        facts.topic_character = static_cast<char>(lead);
      }
      continue;
    }
    const int continuation_bytes = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || end - at < continuation_bytes) return std::nullopt;
    std::uint32_t code_point = lead & (0x3F >> continuation_bytes);
    for (int i = 0; i < continuation_bytes; ++i) {
      if ((*at & 0xC0) != 0x80) return std::nullopt;
      code_point = code_point << 6 | (*at++ & 0x3F);
    }
    static constexpr std::uint32_t kSmallest[] = {0x80, 0x800, 0x10000};
    if (code_point < kSmallest[continuation_bytes - 1] || code_point > 0x10FFFF) return std::nullopt;
    if (code_point >= 0xD800 && code_point <= 0xDFFF) return std::nullopt;
    facts.has_control |= code_point < 0xA0;
  }
  return facts;
}

Failure<InvalidField> invalid(std::string_view field, std::string problem) {
  return fail(InvalidField{std::string(field), std::move(problem)});
}

Result<TextFacts, InvalidField> check(std::string_view field, std::string_view text, std::size_t max_characters) {
  const std::optional<TextFacts> facts = examine(text);
  if (!facts) return invalid(field, "is not valid UTF-8");
  if (facts->has_nul) return invalid(field, "contains a NUL character");
  if (facts->characters > max_characters) {
    return invalid(field, "is longer than " + std::to_string(max_characters) + " characters");
  }
  return *facts;
}

}  // namespace

Result<Done, InvalidField> check_text(std::string_view field, std::string_view text, std::size_t max_characters) {
  if (auto facts = check(field, text, max_characters); !facts) return fail(facts.error());
  return Done{};
}

Result<Done, InvalidField> check_identifier(std::string_view field, std::string_view text, std::size_t max_characters) {
  if (text.empty()) return invalid(field, "is empty");
  auto facts = check(field, text, max_characters);
  if (!facts) return fail(facts.error());
  if (facts->topic_character != '\0') return invalid(field, std::string("contains '") + facts->topic_character + "'");
  if (facts->has_control) return invalid(field, "contains a control character");
  return Done{};
}

}  // namespace hermes::domain
