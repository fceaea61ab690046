// How rejected messages are shown (tools/commands/rejected.cc). Whatever came from outside is escaped.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/commands/rejected_messages.h"

namespace hermes::tools {

// "open", "retried by anna@web-1", ...
std::string state_of(const eventstore::RejectedMessage& message);

// A table, one message a line.
std::string rejected_table(const std::vector<eventstore::RejectedMessage>& messages);

// All that is known of one, its payload as text on one line, or as a hex dump where it is no text. A long payload is cut, and
// the text says so.
std::string rejected_in_full(const eventstore::RejectedMessage& message);

// With payload: "payload" (null where it is not UTF-8) and "payload_hex".
boost::json::object rejected_json(const eventstore::RejectedMessage& message, bool with_payload);

// UTF-8 without control characters other than tab and line ends.
bool is_text(std::string_view bytes);

// As hexdump -C has it: offset, sixteen bytes, and those of them that are printable ASCII.
std::string hex_dump(std::string_view bytes);

}  // namespace hermes::tools
