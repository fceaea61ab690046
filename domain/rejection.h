// Why a message from outside was not appended. The code is what operators filter and alert on (rejected_events.reason and the
// metrics' label), so a code never changes its meaning; the detail is for people.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace hermes::domain {

enum class RejectionReason {
  // The wire could not make a command of it.
  malformed_json,
  payload_too_large,
  unknown_type,
  missing_field,
  invalid_field,
  // The rules of the domain refuse it.
  illegal_transition,     // the machine has no such transition: state and event are in the detail
  conflicting_message,    // the id is taken by a message with another body
  not_a_recipient,        // a receipt by somebody the message was not for
  own_broadcast_receipt,  // a sender's receipt for its own broadcast
  server_only_status,     // only the server may send `sent` and `received_by_server`
  // Ingest gave it up.
  parked_too_long,      // a receipt whose message did not come within the parking window
  parked_too_many,      // a receipt whose message has not come, while the allowed number already waits for it
  refused_by_database,  // isolated by bisection: the database refused this one for its data
};

inline constexpr std::size_t kRejectionReasons = static_cast<std::size_t>(RejectionReason::refused_by_database) + 1;

// "illegal_transition", ...
std::string_view code(RejectionReason reason);
std::optional<RejectionReason> parse_rejection_reason(std::string_view code);

struct Rejection {
  RejectionReason reason;
  std::string detail;
  // Set when the wire could not make a command, as far as the fields could be read: they let an operator find the message.
  std::optional<std::string> message_id{};
  std::optional<std::string> actor_id{};
  bool operator==(const Rejection&) const = default;
};

}  // namespace hermes::domain
