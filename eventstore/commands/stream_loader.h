// Reads what deciding a batch needs: the streams that are not in the cache (from their snapshots on, if there are any), and the
// receipts that wait for the batch's messages. Each takes one query (a second one for typing), however large the batch.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "domain/commands.h"
#include "eventstore/commands/aggregate_cache.h"
#include "eventstore/log/event_log.h"
#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

// A stream with an event that can't be read or can't follow the one before: nothing can be decided for it.
class UnreadableStream : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct StreamToLoad {
  Partition partition;
  StreamKey key;
  // The events from next_version on are read and applied to it.
  CachedAggregate* aggregate;
  // Receives what is wrong with the stream, while the others are still read; if it is null, UnreadableStream is thrown.
  std::string* unreadable = nullptr;
};

// Requires: a transaction is open. Of a typing stream only the last event is read, since it gives the state
// (domain::typing_after). Throws UnreadableStream, and what postgres/statements.h throws.
void load_streams(postgres::Connection& connection, std::span<const StreamToLoad> streams);

// A receipt that came before its message (table parked_events).
struct ParkedReceipt {
  std::int64_t id = 0;
  std::size_t stream = 0;  // index into what was asked for
  domain::RecordReceipt receipt;
  std::optional<Timestamp> occurred_at;
  Timestamp received_at;
  std::string topic;
  std::string payload;
  std::int64_t sequence = 0;
};

struct StreamAddress {
  Partition partition;
  StreamKey key;
};

// In the order in which they came. How many receipts wait for each of the streams, counted up to `most`.
std::vector<std::size_t> count_parked(postgres::Connection& connection, std::span<const StreamAddress> streams,
                                      std::size_t most);

std::vector<ParkedReceipt> load_parked(postgres::Connection& connection, std::span<const StreamAddress> streams);

// The state after one more event of its stream, whose command arrived at `at`. Throws UnreadableStream if it can't follow.
void apply_event(Aggregate& aggregate, const domain::Event& event, Timestamp at);

}  // namespace hermes::eventstore
