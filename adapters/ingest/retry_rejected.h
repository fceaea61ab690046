// Tries messages of rejected_events again: the raw bytes go the way of any message, through the wire decoder and the command
// handler into the log, but not through the broker. What becomes of a message is recorded on its row in the transaction that
// appends it, so nothing is doubled, whoever else does the same or publishes the same message meanwhile.
//
// No received_by_server is published: the sender gets it when it sends the message again, as for any duplicate.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "eventstore/commands/command_handler.h"
#include "eventstore/commands/rejected_messages.h"

namespace hermes::ingest {

struct Retried {
  enum class Outcome {
    appended,   // resolved
    duplicate,  // resolved: it was in the log already
    waits,      // open: a receipt whose message is still not there, or a message whose stream can't be read
    refused,    // open: refused again
    not_open    // nothing done: it was resolved by somebody else meanwhile
  } outcome;
  std::int64_t id = 0;
  std::string detail;  // position, or why it stays open
};

// Requires: the role hermes_ingester and a migrated database; the messages have their payloads and are in the order of their
// ids. `told` is called for each, after its outcome was committed. Fails when the database can't be reached any more or takes
// nothing; what was told until then stands, and what was not may be tried again.
Result<Done, eventstore::HandleError> retry_rejected(postgres::Connection& connection, eventstore::CommandHandler& handler,
                                                     std::span<const eventstore::RejectedMessage> messages,
                                                     std::string_view who, const std::function<void(const Retried&)>& told);

}  // namespace hermes::ingest
