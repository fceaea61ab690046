// A user's id as a person typed it. A person cannot see which of two spellings of a letter the keyboard sends, or which kind of
// blank: each would name another user. Ids from programs are taken as they are (mqtt_text.h).
//
// Pure; thread-safe.
#pragma once

#include <string_view>

#include "base/result.h"
#include "domain/identifiers.h"

namespace hermes::domain {

// In Normalization Form C (Unicode Standard Annex 15). `field` is the name to use in the error. Fails for what parse_incoming()
// refuses, and for blanks of any kind: White_Space (Unicode Character Database, PropList), and characters that look like one or
// like nothing: soft hyphens, direction marks, tags.
Result<UserId, InvalidField> parse_typed_user(std::string_view text, std::string_view field);

}  // namespace hermes::domain
