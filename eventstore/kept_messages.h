// What a batch keeps beside the log, in the log's own transaction: messages that were refused (rejected_events) and receipts that
// wait for their message (parked_events, counted in the partition's head).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/commands.h"
#include "domain/rejection.h"
#include "eventstore/appender.h"
#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

// Views into the batch.
struct MessageToReject {
  std::string_view topic;
  std::string_view payload;
  Timestamp received_at;
  std::int64_t sequence = 0;
  domain::Rejection rejection;
  std::optional<std::string> message_id;
  std::optional<std::string> actor_id;
};

struct ReceiptToPark {
  Partition partition = 0;
  StreamKey key{};
  const domain::RecordReceipt* receipt = nullptr;
  std::optional<Timestamp> occurred_at;
  Timestamp received_at;
  std::string_view topic;
  std::string_view payload;
  std::int64_t sequence = 0;
};

// A message that was kept before (the spool was read again after a crash) is kept once.
void keep_rejected(AppendTransaction& transaction, postgres::Connection& connection, std::span<const MessageToReject> messages);

// Requires: the heads of their partitions are locked. A receipt that waits already waits once.
void park(AppendTransaction& transaction, postgres::Connection& connection, std::span<const ReceiptToPark> receipts);

// Takes receipts that were applied out of parked_events. Requires: the heads of their partitions are locked.
void unpark(AppendTransaction& transaction, std::span<const std::int64_t> ids);

}  // namespace hermes::eventstore
