// A projection: the tables it owns, and how a batch of events changes them. It holds no connection, clock or thread, so the same
// code serves live traffic, rebuilds, time travel and verification. docs/projections.md walks through adding one.
//
// Deterministic: every value it writes comes from the events, so that folding the log again gives identical rows.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/event_log.h"
#include "eventstore/postgres/connection.h"

namespace hermes::projections {

// An event that the projection cannot apply. Thrown by apply(); the projector stops that partition alone and names the event.
class CannotApply : public std::runtime_error {
 public:
  CannotApply(eventstore::Position position, const std::string& reason);
  eventstore::Position position;
};

// Where apply() writes: the projection's tables under their bare names. The search_path of the open transaction decides whether
// these are the live tables or the shadow tables of a rebuild.
struct Target {
  postgres::Connection& connection;  // a transaction is open on it
  pqxx::transaction_base& transaction;
  int partition_count;
};

class Projection {
 public:
  virtual ~Projection() = default;

  virtual std::string_view name() const = 0;                    // "chat"
  virtual std::span<const std::string_view> tables() const = 0;  // parents before children of foreign keys

  // Applies events of one partition, in order, set-based. Requires: each event once (the checkpoint sees to it).
  virtual void apply(std::span<const eventstore::RecordedEvent> events, Target target) const = 0;
};

// All projections of this binary, in the order of their names.
std::span<const Projection* const> all_projections();
const Projection* find_projection(std::string_view name);

}  // namespace hermes::projections
