// A projection: the tables it owns, and how a batch of events changes them. It holds no connection, clock or thread, so the
// same code serves live traffic, rebuilds, time travel and verification. docs/projections.md walks through adding one.
//
// Deterministic: every value it writes comes from the events, so that folding the log again gives identical rows. The
// partitions are folded independently of one another, by several processes at once: what a batch does to a row that another
// partition may touch too must not depend on who comes first, and such rows must be written in the order of their key, or two
// batches could wait for each other for ever.
#pragma once

#include <chrono>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/log/event_log.h"
#include "eventstore/postgres/connection.h"

namespace hermes::projections {

// An event that the projection cannot apply. Thrown by apply(); the projector stops that partition alone and names the event.
class CannotApply : public std::runtime_error {
 public:
  CannotApply(eventstore::Position where, const std::string& why);
  eventstore::Position position;
  std::string reason;
};

// Where apply() writes: the projection's tables under their bare names. The search_path of the open transaction decides whether
// these are the live tables or the shadow tables of a rebuild.
struct Target {
  postgres::Connection& connection;  // a transaction is open on it
  pqxx::transaction_base& transaction;
  int partition_count;
  // The tables have no index and no key yet: they are made, and checked, when everything is loaded. Only for projections that
  // say loads_bare_tables().
  bool bare = false;
};

class Projection {
 public:
  virtual ~Projection() = default;

  virtual std::string_view name() const = 0;                     // "chat"
  virtual std::span<const std::string_view> tables() const = 0;  // parents before children of foreign keys

  // The types that apply() wants to see, as in the log's event_type column. Types that this binary does not know are never left
  // out: they stop the partition, for a newer Hermes has written them.
  virtual std::span<const std::string_view> event_types() const = 0;

  // Whether apply() only inserts and never looks at what is there, if Target::bare. A rebuild then loads tables without indexes
  // and makes the keys at the end, several times as fast.
  virtual bool loads_bare_tables() const { return false; }

  // For projections that say so: tables which hold what is made of others of the projection, and which apply() leaves alone
  // while the tables are bare, for it sees the events in any order. This statement fills them, once everything is loaded, keys
  // and indexes made. Under bare names, as in apply(). Empty: none.
  virtual std::string_view complete_bare_tables() const { return {}; }

  // How long a worker rests after a batch that found little waiting: under load many small transactions become few large ones.
  // It is what a row may be later. A projection that folds many events into one row gains most by a longer one.
  virtual std::chrono::milliseconds rest() const { return std::chrono::milliseconds(15); }

  // Applies events of one or several partitions, set-based; in order within a partition. Requires: each event once (the
  // checkpoints see to it).
  virtual void apply(std::span<const eventstore::RecordedEvent> events, Target target) const = 0;
};

// All projections of this binary, in the order of their names.
std::span<const Projection* const> all_projections();
const Projection* find_projection(std::string_view name);  // nullptr if there is none

}  // namespace hermes::projections
