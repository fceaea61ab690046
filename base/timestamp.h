// Points in time: microseconds since the Unix epoch, UTC, as PostgreSQL's timestamptz keeps them. The domain has no clock:
// times come in as arguments.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace hermes {

using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

// RFC 3339 with microseconds and Z: 2026-01-31T12:00:00.000000Z.
std::string rfc3339(Timestamp time);

// RFC 3339, and the forms of ISO 8601 that programs write: date and time, separated by 'T' or a space, with separators
// (2026-01-31T12:00) or without (20260131T1200); seconds and a fraction of any length (after '.' or ',', cut to microseconds)
// optional; then Z, an offset (+02:00, +0200, +02) or nothing, which means UTC. 24:00 is the end of the day, a leap second
// (23:59:60) the next minute, letters may be small. Behind an offset or Z, suffixes in brackets (RFC 9557: [Europe/Berlin]) are
// ignored; a zone without an offset is refused, since this code knows no time zones. Returns nothing for text of another form,
// for a date that does not exist, and outside the years 1970 to 9999.
std::optional<Timestamp> parse_timestamp(std::string_view text);

}  // namespace hermes
