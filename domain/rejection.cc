#include "domain/rejection.h"

#include <array>
#include <utility>

namespace hermes::domain {
namespace {

constexpr std::array<std::pair<RejectionReason, std::string_view>, kRejectionReasons> kCodes = {{
    {RejectionReason::malformed_json, "malformed_json"},
    {RejectionReason::payload_too_large, "payload_too_large"},
    {RejectionReason::unknown_type, "unknown_type"},
    {RejectionReason::missing_field, "missing_field"},
    {RejectionReason::invalid_field, "invalid_field"},
    {RejectionReason::illegal_transition, "illegal_transition"},
    {RejectionReason::conflicting_message, "conflicting_message"},
    {RejectionReason::not_a_recipient, "not_a_recipient"},
    {RejectionReason::own_broadcast_receipt, "own_broadcast_receipt"},
    {RejectionReason::server_only_status, "server_only_status"},
    {RejectionReason::parked_too_long, "parked_too_long"},
    {RejectionReason::parked_too_many, "parked_too_many"},
    {RejectionReason::refused_by_database, "refused_by_database"},
}};

}  // namespace

std::string_view code(RejectionReason reason) {
  for (const auto& [candidate, text] : kCodes) {
    if (candidate == reason) return text;
  }
  return "unknown";
}

std::optional<RejectionReason> parse_rejection_reason(std::string_view code) {
  for (const auto& [reason, text] : kCodes) {
    if (text == code) return reason;
  }
  return std::nullopt;
}

}  // namespace hermes::domain
