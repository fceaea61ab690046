// Snapshots of long message streams, kept beside the log in the table stream_snapshots: a broadcast with fifty thousand
// receipts is loaded from its snapshot and the events after it.
//
// A snapshot is never trusted: it is bound to its stream and version by a checksum, and it only counts if the log has the event
// that it ends with. One that is damaged, of an older layout or of another stream is ignored, the stream is read from its first
// event, and a new one is taken. Deleting all of them changes no result.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "eventstore/commands/stream_loader.h"
#include "eventstore/log/event_log.h"

namespace hermes::eventstore {

// Shorter streams have none: reading a thousand events takes less than two milliseconds.
inline constexpr Version kSnapshotAfter = 1'000;

// Whether a stream of `next_version` events wants a new snapshot, the last one being of `snapshot_at` events (0: none). The
// longer the stream, the rarer: a snapshot is as large as its stream is long, and all of them together must not cost more than
// some multiple of the stream.
bool snapshot_due(Version next_version, Version snapshot_at);

// Sets those of `streams` that are empty and have a usable snapshot to it. Requires: a transaction is open. Throws what
// postgres/statements.h throws.
void load_snapshots(postgres::Connection& connection, std::span<const StreamToLoad> streams);

// The statement that keeps the snapshot of a stream of `next_version` events, in place of an earlier one.
std::string save_snapshot_statement(Partition partition, const StreamKey& key, Version next_version,
                                    const domain::Message& message);

}  // namespace hermes::eventstore
