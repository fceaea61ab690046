// Reads what a batch needs to decide: the streams that the cache lacks (from their snapshots on, where there are any), and the
// receipts that wait for the batch's messages. One query each (a second one for typing), however large the batch.
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

// A stream whose events can't be read or don't follow from one another: nothing can be decided for it.
class UnreadableStream : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct StreamToLoad {
  Partition partition;
  StreamKey key;
  // Folded onto: the events from next_version on are read and applied.
  CachedAggregate* aggregate;
  // What is wrong with the stream goes here, and the others are read on; if there is no place for it, UnreadableStream is
  // thrown.
  std::string* unreadable = nullptr;
};

// Requires: a transaction is open. Of a typing stream only the last event is read, which says all (domain::typing_after),
// however long the stream is. Throws UnreadableStream, and what postgres/statements.h throws.
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

// In the order in which they came.
// How many wait for each of the streams, up to `most`.
std::vector<std::size_t> count_parked(postgres::Connection& connection, std::span<const StreamAddress> streams,
                                      std::size_t most);

std::vector<ParkedReceipt> load_parked(postgres::Connection& connection, std::span<const StreamAddress> streams);

// The state after one more event of its stream, whose command arrived at `at`. Throws UnreadableStream if it can't follow.
void apply_event(Aggregate& aggregate, const domain::Event& event, Timestamp at);

}  // namespace hermes::eventstore
