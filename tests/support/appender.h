// Appends events that a test has made up, past the command handler: whatever the state machine would say.
//
// One per connection. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "eventstore/log/appender.h"
#include "eventstore/postgres/failure.h"

namespace hermes::test_support {

// A caller's expected version is not the stream's.
struct VersionConflict {
  std::string stream_id;
  std::int64_t expected = 0;  // how many events the caller had seen
  std::int64_t actual = 0;    // how many there are
};

struct AppendError {
  eventstore::DatabaseFailure failure;
  std::optional<VersionConflict> conflict;  // with eventstore::DatabaseFailure::Kind::refused
};

struct StreamAppend {
  std::string stream_id;
  std::string actor_id;
  std::optional<Timestamp> occurred_at;
  std::vector<domain::Event> events;
  // The number of events that the stream must have; nothing: whatever it has.
  std::optional<eventstore::Version> expected_version;
  std::optional<Timestamp> received_at{};
};

class Appender {
 public:
  // Requires: a migrated database; a role that may INSERT into event_log. The connection must outlive the Appender.
  explicit Appender(postgres::Connection& connection);

  // Appends all or nothing, and returns each event's position in the order given. A stream may appear several times.
  Result<std::vector<eventstore::Position>, AppendError> append(std::span<const StreamAppend> appends);

 private:
  postgres::Connection& connection_;
  int partition_count_;
  eventstore::AppendBuffers buffers_;
};

}  // namespace hermes::test_support
