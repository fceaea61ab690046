// Upcasters convert payloads of older schema versions to today's when they are read. The log is never rewritten.
// docs/schema-evolution.md tells when a schema needs a new version, how to add one, and the history of each event type.
//
// An upcaster converts a payload to the next version. A payload of version 1 goes through 1 → 2, then 2 → 3, and so on.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "eventstore/schema/payload.h"

namespace hermes::eventstore {

// The payload of the next version, or what is wrong with this one (kind `malformed`). Pure; hostile bytes are safe.
using Upcaster = Result<std::string, PayloadError> (*)(std::string_view payload);

// Immutable once built; any thread may read it.
class UpcasterRegistry {
 public:
  // Requires: `from_version` >= 1, and no upcaster from it yet.
  void add(std::string event_type, std::int16_t from_version, Upcaster upcaster);

  bool has(std::string_view event_type, std::int16_t from_version) const;

  // The payload at version `to`. Requires: from <= to, and an upcaster for every version between (a test checks that the types
  // of decode_payload have them all). Fails with the first upcaster that fails.
  Result<std::string, PayloadError> lift(std::string_view event_type, std::int16_t from, std::int16_t to,
                                         std::string_view payload) const;

 private:
  std::map<std::pair<std::string, std::int16_t>, Upcaster, std::less<>> upcasters_;
};

// The upcasters of this binary.
const UpcasterRegistry& upcasters();

}  // namespace hermes::eventstore
