// Decides a batch, message by message in its order: the domain is asked, what it allows is added to the transaction, and what
// is to be kept beside the log is collected.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "eventstore/commands/batch_streams.h"
#include "eventstore/commands/command_handler.h"
#include "eventstore/commands/kept_messages.h"
#include "eventstore/log/appender.h"

namespace hermes::eventstore {

struct BatchDecisions {
  std::vector<Handled> handled;                // in the order of the batch
  std::vector<MessageToReject> rejected;       // views into the batch and its streams
  std::vector<std::int64_t> unparked;          // of parked_events: their message is there now
  std::vector<ReceiptToPark> to_park;          // views into the batch
  std::vector<MessageToPostpone> to_postpone;  // views into the batch and its streams
};

// `kept_already`: the batch is of rejected_events, so that what is refused again is not collected in `rejected`.
// Requires: the streams were found in this batch and loaded in this transaction.
BatchDecisions decide(std::span<const Incoming> batch, bool kept_already, BatchStreams& streams,
                      AppendTransaction& transaction);

}  // namespace hermes::eventstore
