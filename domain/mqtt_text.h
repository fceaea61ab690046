// Finds text that MQTT 5 (1.5.4) lets a broker refuse. Mosquitto does refuse it, and closes the connection. An identifier
// becomes part of a topic, so an incoming one must not contain such text. The log holds identifiers from before this rule;
// UserId::parse() and MessageId::parse() read those.
//
// Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "domain/identifiers.h"

namespace hermes::domain {

// Completes the sentence "the topic ...": "is not valid UTF-8", "contains a control character", "contains U+FDD0, a
// non-character, which MQTT brokers refuse". Nothing when a broker must take it. U+FEFF is fine (1.5.4-3).
std::optional<std::string> what_brokers_refuse(std::string_view text);

// An identifier from outside: from the wire, or as somebody typed it. `field` is the name to use in the error.
template <class Id>
Result<Id, InvalidField> parse_incoming(std::string_view text, std::string_view field) {
  auto id = Id::parse(text, field);
  if (!id) return id;
  if (auto problem = what_brokers_refuse(text)) return fail(InvalidField{std::string(field), std::move(*problem)});
  return id;
}

}  // namespace hermes::domain
