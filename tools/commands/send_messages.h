// The work of hermes send (send.cc): one message, or each line of standard input, through the sender's outbox.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "domain/commands.h"
#include "domain/identifiers.h"
#include "tools/cli/cli.h"

namespace hermes::tools {

struct SendRequest {
  domain::UserId sender;
  domain::UserId receiver;
  std::optional<std::string> text;      // nothing: each line of standard input is a message
  std::optional<domain::MessageId> id;  // of the text
  domain::Status wait_for;              // how far each message must have come
  std::chrono::milliseconds timeout;    // given up when nothing has happened for this long
  std::string query_url;
};

// Returns when all have come that far, or are refused: then kFoundProblem. Throws CommandError when it gives up; what is in the
// outbox stays there. Requires: an id goes with a text.
ExitCode send_messages(const Settings& settings, const SendRequest& request);

}  // namespace hermes::tools
