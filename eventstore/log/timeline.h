// The story of one message: every transition in the log, the receipts that wait for the message, and the attempts under its id
// that were refused.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/events.h"
#include "domain/message_machine.h"
#include "eventstore/log/event_reader.h"
#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

struct TimelineStep {
  enum class Kind {
    event,    // in the log
    parked,   // a receipt that waits for its message
    rejected  // an attempt that was refused
  };

  Kind kind = Kind::event;
  Timestamp at;                          // when it was recorded, parked or rejected
  std::optional<Timestamp> received_at;  // when the ingester took it from the broker
  std::string what;                      // the status (sent, received_by_server, delivered, read), or the code of the rejection
  std::optional<std::string> actor;      // who did it; nothing if a rejected attempt does not say
  std::optional<std::string> recipient;  // whose branch it moved; nothing if it concerns the whole message

  // Of events only.
  std::optional<domain::MessageState> state;  // where the machine stands afterwards, for that recipient
  std::optional<Position> position;
  std::optional<Version> version;
  // The time from the arrival of the step before, of that recipient or of the message, to the arrival of this one. Nothing for
  // a receipt that arrived before its message.
  std::optional<std::chrono::microseconds> since_previous;

  std::optional<Timestamp> occurred_at;  // the client's claim
  std::optional<std::string> detail;     // why it was rejected and what became of it; what is wrong with an event
};

struct Timeline {
  std::string message_id;
  std::optional<domain::MessageSent> message;  // nothing if the message itself never arrived
  std::vector<TimelineStep> steps;             // by time
  std::size_t attempts_left_out = 0;           // rejected ones past kTimelineAttemptsMax
  bool cut = false;                            // there are more events or parked receipts than `events_max`
  std::optional<UnreadableEvent> unreadable;   // the story ends here

  bool empty() const { return steps.empty() && !unreadable; }
};

// At most this many rejected attempts are shown, the newest: a client that repeats a bad message for ever must not fill a
// reader's memory.
inline constexpr std::size_t kTimelineAttemptsMax = 100;

// How far to look: up to and including a time of recording, or up to and including a position. A position in another partition
// stands for the time at which its event was recorded, since partitions have no common order.
using TimelineUntil = std::variant<Timestamp, Position>;

struct NoSuchPosition {
  Position position;
};

// Requires: no transaction is open (it reads in one of its own, from one snapshot). `message_id` may be one that the domain
// refuses: the attempts rejected under it are shown. `events_max` limits the events read, and the parked receipts, since a
// broadcast may have a million. Throws pqxx's exceptions.
Result<Timeline, NoSuchPosition> read_timeline(postgres::Connection& connection, std::string_view message_id,
                                               const std::optional<TimelineUntil>& until = std::nullopt,
                                               std::optional<std::size_t> events_max = std::nullopt);

// The steps that the events of one stream make, in order: the pure part of read_timeline.
Timeline timeline_of(std::string_view message_id, const std::vector<RecordedEvent>& events);

}  // namespace hermes::eventstore
