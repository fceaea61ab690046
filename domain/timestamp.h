// Points in time: microseconds since the Unix epoch, UTC, as PostgreSQL's timestamptz keeps them. The domain has no clock:
// times come in as arguments.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace hermes::domain {

using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

// RFC 3339 with microseconds and Z: 2026-01-31T12:00:00.000000Z.
std::string to_string(Timestamp time);

// RFC 3339 and the ISO 8601 forms that chat clients send: date and time separated by 'T' or a space, seconds and fraction
// (1 to 9 digits, truncated to microseconds) optional, then Z, an offset (+02:00, +0200, +02) or nothing. A time without an
// offset is taken as UTC. Returns nothing for text of another form, for a date that does not exist, and outside the years 1970
// to 9999.
std::optional<Timestamp> parse_timestamp(std::string_view text);

}  // namespace hermes::domain
