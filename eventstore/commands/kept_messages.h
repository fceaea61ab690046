// Keeps messages beside the log, in the transaction that appends the batch: refused messages (rejected_events) and receipts
// that wait for their message (parked_events, counted in the partition's head). Also records the outcome of a retry of refused
// messages.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "domain/commands.h"
#include "domain/rejection.h"
#include "eventstore/commands/command_handler.h"
#include "eventstore/log/appender.h"
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

struct MessageToPostpone {
  Partition partition = 0;
  StreamKey key{};
  std::string_view stream_id;
  Timestamp received_at;
  std::string_view topic;
  std::string_view payload;
  std::int64_t sequence = 0;
  std::string_view reason;
};

// A message that was kept before (the spool was read again after a crash) is kept once.
void keep_rejected(AppendTransaction& transaction, postgres::Connection& connection, std::span<const MessageToReject> messages);

// Requires: the heads of their partitions are locked. A receipt that already waits is not added again.
void park(AppendTransaction& transaction, postgres::Connection& connection, std::span<const ReceiptToPark> receipts);

// A message that already waits is not added again.
void postpone(AppendTransaction& transaction, postgres::Connection& connection, std::span<const MessageToPostpone> messages);

// Whether the violated constraint means that a sequence is behind its table, since logical replication does not advance
// sequences. The message that needed the number is not at fault.
bool is_number_taken(std::string_view constraint);

// Moves the sequences of rejected_events and parked_events past the ids in use (migrations/0051). Requires: no transaction is
// open. Throws as AppendTransaction.
void mend_sequences(postgres::Connection& connection);

// Takes receipts that were applied out of parked_events. Requires: the heads of their partitions are locked.
void unpark(AppendTransaction& transaction, std::span<const std::int64_t> ids);

// Moves receipts that have waited longer than `window` to rejected_events (parked_too_long), in transactions of its own, and
// returns how many: all, or about `at_most` (to within a thousand). Requires: no transaction is open. Throws like
// AppendTransaction.
std::size_t expire_parked(postgres::Connection& connection, AppendBuffers& buffers, std::chrono::seconds window,
                          std::size_t at_most);

// Rows of rejected_events that are tried again, and who does it.
struct Retry {
  std::span<const std::int64_t> rows;
  std::string_view who;
};

class NotOpen : public std::runtime_error {
 public:
  NotOpen() : std::runtime_error("somebody else has resolved a rejected message meanwhile") {}
};

// Locks the rows, in their order, so that nobody else resolves them meanwhile. Throws NotOpen if one is resolved or gone.
// Requires: the heads that the retry needs are already locked (this order keeps two retries from a deadlock).
void lock_open(AppendTransaction& transaction, std::span<const std::int64_t> rows);

// Records the outcome of each row. Requires: lock_open(); as many outcomes as rows.
void record_retry(AppendTransaction& transaction, postgres::Connection& connection, const Retry& retry,
                  std::span<const Handled> outcomes);

}  // namespace hermes::eventstore
