// Streams: `message/{message_id}` and `typing/{sender}/{receiver}`. Identifiers hold no '/', so a stream id is unambiguous.
#pragma once

#include <string>

#include "domain/commands.h"

namespace hermes::domain {

std::string message_stream(const MessageId& id);
std::string typing_stream(const UserId& sender, const UserId& receiver);

// The stream that a command is decided against.
std::string stream_of(const Command& command);

}  // namespace hermes::domain
