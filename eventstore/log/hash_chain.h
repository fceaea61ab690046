// The hash chain of a partition: every row's hash covers the hash before it, so that a row that was altered, removed or put in
// between breaks the chain from there on (docs/event-log.md, "The hash chain").
//
//   hash(n) = SHA-256( hash(n-1) || canonical bytes of row n ),   hash(-1) = 32 zero bytes
//
// The canonical bytes are the row's fields as binary COPY sends them: every column of kChainedColumns in that order, each as a
// big-endian int32 length and the value (length -1 and no value for NULL). So the hash covers exactly the stored bytes. The
// last column, received_at, is younger than the log: where it is NULL it has no part in the hash, so that older rows keep
// theirs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "eventstore/log/event_log.h"
#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

// All columns except the hash.
inline constexpr std::string_view kChainedColumns =
    "partition, \"offset\", stream_key, stream_id, version, event_type, schema_version, actor_id, occurred_at, recorded_at, "
    "payload, "
    "received_at";
inline constexpr int kChainedColumnCount = 12;

// The hash in a column's bytes. Throws std::runtime_error if they are not 32.
Hash to_hash(std::string_view bytes);

// Throws std::bad_alloc.
Hash chain_hash(const Hash& previous, std::string_view canonical_bytes);

// Where a chain does not hold, and how: "offset 17 is missing", "the hash does not match", ...
struct BrokenChain {
  Position position;
  std::string problem;
};

// Checks one partition from its first event to its head: offsets without a gap, times that never go back, every hash, and that
// the head is where the rows end. Reports every break, in order, at most kMaxBreaksReported, and returns how many events it
// read. Requires: a REPEATABLE READ transaction is open, so that it sees one state of the log whatever is appended meanwhile.
inline constexpr std::size_t kMaxBreaksReported = 100;  // a chain that is rewritten from the middle breaks once, not per row
std::int64_t check_chain(postgres::Connection& connection, Partition partition,
                         const std::function<void(const BrokenChain&)>& on_break, const std::function<void()>& on_row = {});

}  // namespace hermes::eventstore
