// Decides a batch, message by message, in order: asks the domain, adds the allowed events to the transaction, and collects what
// must be kept beside the log.
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
  std::vector<std::int64_t> unparked;          // rows of parked_events whose message has come
  std::vector<ReceiptToPark> to_park;          // views into the batch
  std::vector<MessageToPostpone> to_postpone;  // views into the batch and its streams
};

// `kept_already`: the batch comes from rejected_events, so messages that are refused again are not collected in `rejected`.
// Requires: the streams were found in this batch and loaded in this transaction.
BatchDecisions decide(std::span<const Incoming> batch, bool kept_already, BatchStreams& streams,
                      AppendTransaction& transaction);

}  // namespace hermes::eventstore
