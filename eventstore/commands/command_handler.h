// The command handler: a batch of commands in, one append transaction out. Under the lock of the partitions' heads it loads the
// streams it does not know, asks the domain to decide, appends what was decided, parks receipts that came before their message,
// keeps what was refused in rejected_events, and commits. The cache of aggregates is updated only after the commit.
//
// One handler per connection and thread. Several handlers, in several processes, may work on the same partitions: the head
// lock orders them (docs/event-log.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/timestamp.h"
#include "domain/commands.h"
#include "domain/rejection.h"
#include "eventstore/log/event_log.h"
#include "eventstore/postgres/connection.h"
#include "eventstore/postgres/failure.h"

namespace hermes::eventstore {

// What came from outside, as it came: kept with whatever is rejected or parked.
struct RawMessage {
  std::string topic;
  std::string payload;
  Timestamp received_at;  // the ingester's clock, strictly increasing: the order of a conversation
};

// One message from the broker: a command, or what the wire found wrong with it.
struct Incoming {
  std::variant<domain::Command, domain::Rejection> content;
  std::optional<Timestamp> occurred_at;  // the client's claim
  RawMessage raw;
  // Tells this message from an identical one, so that a batch which is tried again after an unknown outcome keeps a rejected
  // one once: the spool's record number.
  std::uint64_t sequence = 0;
};

struct Handled {
  // `postponed`: its stream can't be read, by this binary at least; it waits in postponed_events (postponed_messages.h).
  enum class Outcome { appended, duplicate, parked, rejected, postponed } outcome;
  std::optional<Position> position;            // of the first event, if appended
  std::optional<domain::Rejection> rejection;  // if rejected
  std::string why{};                           // if postponed: which event can't be read
};

using HandleError = DatabaseFailure;

struct HandlerSettings {
  // Aggregates kept, the least recently used leave first. A direct message counts one and takes about 300 bytes, a broadcast
  // counts for more by its recipients.
  std::size_t cache_capacity = 65'536;
};

class CommandHandler {
 public:
  // Requires: a migrated database; the connection's role may INSERT into the log. The connection must outlive the handler, or
  // be replaced by reconnected().
  CommandHandler(postgres::Connection& connection, HandlerSettings settings);
  ~CommandHandler();

  // All or nothing: on success every message of the batch has an outcome, in the order of the batch, durably. The order within
  // a stream is kept.
  Result<std::vector<Handled>, HandleError> handle(std::span<const Incoming> batch);

  // Messages of rejected_events again (hermes rejected retry). As handle(), except that what becomes of batch[i] is recorded on
  // the row `rows[i]`, by `who`, in the transaction that appends: however often and by however many it is tried, a retry takes
  // effect once. Appended or in the log already: the row is resolved. Refused again, or a receipt whose message is still not
  // there
  // (`parked`, though it is not parked again), or one whose stream can't be read (`postponed`): the row stays open with a note
  // that says why. Requires: as many rows as messages. Fails with `refused`, having done nothing, also when a row is not open
  // any more.
  Result<std::vector<Handled>, HandleError> retry(std::span<const Incoming> batch, std::span<const std::int64_t> rows,
                                                  std::string_view who);

  // After outcome_unknown, with a new connection: whether the transaction of the last handle() was committed. If it was,
  // the outcomes of that batch are returned; otherwise nothing, and the batch is to be handed in again. Fails with
  // outcome_unknown when that can't be told yet: settle() again. The cache is emptied.
  Result<std::optional<std::vector<Handled>>, HandleError> settle(postgres::Connection& connection);

  // After unavailable: go on with a new connection. The cache is emptied, for the new connection may lead to a server that took
  // over without the last of what the old one had told.
  void reconnected(postgres::Connection& connection);

  // Moves receipts that have waited longer than `window` to rejected_events (parked_too_long), the oldest first, until there
  // are none or `at_most` have been moved, give or take a thousand. Returns how many.
  Result<std::size_t, HandleError> expire_parked(std::chrono::seconds window,
                                                 std::size_t at_most = std::numeric_limits<std::size_t>::max());

  int partition_count() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::eventstore
