// The command handler: a batch of commands in, one append transaction out. While it holds the locks of the partitions' heads it
// loads the streams that are not in its cache, asks the domain to decide, appends the events, parks receipts that came before
// their message, keeps refused messages in rejected_events, and commits. The cache of aggregates is updated only after the
// commit.
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

// A message as it came from outside: stored with it if it is rejected or parked.
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
  // The spool's record number. It tells this message from an identical one, so that a batch tried again after an unknown
  // outcome keeps a rejected message once.
  std::uint64_t sequence = 0;
};

struct Handled {
  // `postponed`: this binary can't read its stream; the message waits in postponed_events (postponed_messages.h).
  enum class Outcome { appended, duplicate, parked, rejected, postponed } outcome;
  std::optional<Position> position;            // of the first event, if appended
  std::optional<domain::Rejection> rejection;  // if rejected
  std::string why{};                           // if postponed: which event can't be read
};

using HandleError = DatabaseFailure;

struct HandlerSettings {
  // How many aggregates to cache; the least recently used are dropped first. A direct message counts as one and takes about 300
  // bytes, a broadcast counts for more, by its recipients.
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

  // Tries messages of rejected_events again (hermes rejected retry). Like handle(), but the transaction that appends also
  // records the outcome of batch[i] on the row `rows[i]`, with `who`. So a retry takes effect once, however often and by
  // however many it is tried. Appended or in the log already: the row is resolved. Refused again, or a receipt whose message is
  // still not there (`parked`, though it is not parked again), or a message whose stream can't be read (`postponed`): the row
  // stays open with a note that says why. Requires: as many rows as messages. Fails with `refused`, having done nothing, also
  // when a row is not open any more.
  Result<std::vector<Handled>, HandleError> retry(std::span<const Incoming> batch, std::span<const std::int64_t> rows,
                                                  std::string_view who);

  // After outcome_unknown, with a new connection: whether the transaction of the last handle() was committed. If it was, the
  // outcomes of that batch are returned; otherwise nothing, and the caller hands the batch in again. Fails with outcome_unknown
  // if that can't be told yet: call settle() again. The cache is emptied.
  Result<std::optional<std::vector<Handled>>, HandleError> settle(postgres::Connection& connection);

  // After unavailable: go on with a new connection. The cache is emptied: the new connection may lead to a server that took
  // over and lacks the last events of the old one.
  void reconnected(postgres::Connection& connection);

  // Moves receipts that have waited longer than `window` to rejected_events (parked_too_long), the oldest first, until none is
  // left or about `at_most` have been moved (to within a thousand). Returns how many.
  Result<std::size_t, HandleError> expire_parked(std::chrono::seconds window,
                                                 std::size_t at_most = std::numeric_limits<std::size_t>::max());

  int partition_count() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::eventstore
