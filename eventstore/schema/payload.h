// Payloads: domain events to protobuf (proto/hermes/v1/events.proto) and back. Old payloads are upcast to today's schema on
// read (upcaster.h), never rewritten. Bytes from the log are treated as hostile: no input crashes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "domain/events.h"

namespace hermes::eventstore {

// Today's schema version of an event type. docs/schema-evolution.md has the history.
std::int16_t schema_version(const domain::Event& event);
// Nothing for a type that this binary does not know.
std::optional<std::int16_t> schema_version(std::string_view event_type);

// Appends the serialized payload to `out`.
void encode_payload(const domain::Event& event, std::string& out);

struct PayloadError {
  enum class Kind {
    unknown_event_type,
    newer_schema,  // written by a newer Hermes: a reader must stop, never skip
    malformed      // not a payload of that type, or a field breaks the domain's rules
  } kind;
  std::string detail;
};

Result<domain::Event, PayloadError> decode_payload(std::string_view event_type, std::int16_t schema_version,
                                                   std::string_view payload);

}  // namespace hermes::eventstore
