// Snapshots of long message streams, kept beside the log in the table stream_snapshots: a broadcast with fifty thousand
// receipts is loaded from its snapshot and the events after it.
//
// A snapshot is never trusted: it is bound to its stream and version by a checksum, and it only counts if the log has the event
// that it ends with. A snapshot that is damaged, of an older layout or of another stream is ignored: the stream is read from
// its first event, and a new snapshot is taken. Deleting all snapshots changes no result.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "eventstore/commands/stream_loader.h"
#include "eventstore/log/event_log.h"

namespace hermes::eventstore {

// Shorter streams have no snapshot: reading a thousand events takes less than two milliseconds.
inline constexpr Version kSnapshotAfter = 1'000;

// Whether a stream of `next_version` events needs a new snapshot, if the last one covers `snapshot_at` events (0: none). Longer
// streams get snapshots less often: a snapshot grows with its stream, and all of them together must not cost more than some
// multiple of the stream.
bool snapshot_due(Version next_version, Version snapshot_at);

// Restores each empty aggregate of `streams` that has a usable snapshot. Requires: a transaction is open. Throws what
// postgres/statements.h throws.
void load_snapshots(postgres::Connection& connection, std::span<const StreamToLoad> streams);

// The statement that stores the snapshot of a stream of `next_version` events and replaces an earlier one.
std::string save_snapshot_statement(Partition partition, const StreamKey& key, Version next_version,
                                    const domain::Message& message);

}  // namespace hermes::eventstore
