// The table broadcast_receipts of the read model `chat`: for each broadcast with a receipt how often it was delivered and read,
// and the furthest status, by the last who brought it there. A broadcast has two statuses for each recipient: nobody who shows
// a page of messages may have to count them. Direct messages have no row: their few statuses are counted when they are asked
// for.
//
// All receipts of a message are in one partition, so a batch's counts are added to the row without regard to other writers.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_set>

#include "projections/read_models/projection.h"

namespace hermes::projections {

// Adds the receipts among `events` for `broadcasts` (message ids). One statement for all rows.
void count_broadcast_receipts(std::span<const eventstore::RecordedEvent> events,
                              const std::unordered_set<std::string>& broadcasts, Target target);

// Makes all rows from message_status and chat_messages. As migrations/0070_broadcast_receipts.sql.
extern const std::string_view kCountBroadcastReceipts;

}  // namespace hermes::projections
