#include "domain/typed_user.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "base/printable_text.h"
#include "domain/mqtt_text.h"

namespace hermes::domain {
namespace {

// Characters that are not White_Space, but look like a blank or like nothing: zero width space, word joiner, byte order mark,
// Mongolian vowel separator, Hangul fillers, Braille blank. Joiners are not among them: scripts need them.
constexpr std::array kLikeABlank = {0x200B, 0x2060, 0xFEFF, 0x180E, 0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800};

bool is_blank(utf8proc_int32_t code) {
  const utf8proc_category_t category = utf8proc_category(code);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP ||
         (code >= 0x09 && code <= 0x0D) || code == 0x85 || std::ranges::find(kLikeABlank, code) != kLikeABlank.end();
}

std::optional<std::string> blank_in(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                                                    static_cast<utf8proc_ssize_t>(text.size() - at), &code);
    if (bytes <= 0) return std::nullopt;  // not UTF-8: parse_incoming() reports that
    if (is_blank(code)) {
      char name[sizeof "U+10FFFF"];
      std::snprintf(name, sizeof name, "U+%04X", static_cast<unsigned>(code));
      return "contains a blank" + (code == ' ' ? std::string() : std::string(" (") + name + ")");
    }
    at += static_cast<std::size_t>(bytes);
  }
  return std::nullopt;
}

std::string composed(std::string_view text) {
  utf8proc_uint8_t* out = nullptr;
  const utf8proc_ssize_t bytes =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()), &out,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(out, &std::free);
  return bytes < 0 ? std::string(text) : std::string(reinterpret_cast<const char*>(out), static_cast<std::size_t>(bytes));
}

}  // namespace

Result<UserId, InvalidField> parse_typed_user(std::string_view text, std::string_view field) {
  if (auto problem = blank_in(text)) return fail(InvalidField{std::string(field), std::move(*problem)});
  auto user = parse_incoming<UserId>(composed(text), field);
  // Soft hyphens, direction marks and their like: what is shown of them is an escape.
  if (user && escape_for_terminal(user->str()) != user->str())
    return fail(InvalidField{std::string(field), "contains what cannot be seen (" + escape_for_terminal(user->str()) + ")"});
  return user;
}

}  // namespace hermes::domain
