#include "tools/commands/rejected_output.h"

#include <algorithm>
#include <boost/json/value.hpp>
#include <limits>

#include "domain/identifiers.h"
#include "tools/cli/command_error.h"
#include "tools/cli/output.h"

namespace hermes::tools {
namespace {

using eventstore::RejectedMessage;

// What `show` prints of a payload: more than any chat message has. `show --raw` writes all of it.
constexpr std::size_t kTextShownMax = 16 * 1024;
constexpr std::size_t kHexShownMax = 1024;
constexpr std::size_t kHexPerLine = 16;

constexpr char kHexDigits[] = "0123456789abcdef";

std::string hex(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

bool is_utf8(std::string_view bytes) {
  // check_text refuses NUL too, which a text column could not hold; as JSON it is fine, but then the hex is the truth.
  return static_cast<bool>(domain::check_text("payload", bytes, std::numeric_limits<std::size_t>::max()));
}

boost::json::value or_null(const std::optional<std::string>& text) {
  return text ? boost::json::value(*text) : boost::json::value(nullptr);
}

std::string line(std::string_view name, std::string_view value) {
  std::string text = "  " + std::string(name);
  text.append(14 - text.size(), ' ');
  return text + escape_for_terminal(value) + "\n";
}

}  // namespace

std::string state_of(const RejectedMessage& message) {
  return message.resolution ? message.resolution->kind + " by " + message.resolution->by : "open";
}

bool is_text(std::string_view bytes) {
  return is_utf8(bytes) && std::none_of(bytes.begin(), bytes.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
         });
}

std::string hex_dump(std::string_view bytes) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += kHexPerLine) {
    const std::string_view row = bytes.substr(at, kHexPerLine);
    const std::uint32_t offset = static_cast<std::uint32_t>(at);
    for (int shift = 28; shift >= 0; shift -= 4) text += kHexDigits[(offset >> shift) & 15];
    text += ' ';
    for (std::size_t i = 0; i < kHexPerLine; ++i) {
      text += i == kHexPerLine / 2 ? "  " : " ";
      text += i < row.size() ? hex(row.substr(i, 1)) : "  ";
    }
    text += "  |";
    for (const char c : row) text += c >= 0x20 && c < 0x7f ? c : '.';
    text += "|\n";
  }
  return text;
}

std::string rejected_table(const std::vector<RejectedMessage>& messages) {
  Table table({{"ID", Table::Align::right}, {"REJECTED"}, {"REASON"}, {"MESSAGE"}, {"BY"}, {"STATE"}, {"DETAIL"}});
  for (const RejectedMessage& message : messages) {
    table.add({std::to_string(message.id),
               rfc3339(message.rejected_at),
               {message.reason, message.resolution ? Style::dim : Style::warning},
               message.message_id.value_or("-"),
               message.actor_id.value_or("-"),
               {state_of(message), message.resolution ? Style::dim : Style::plain},
               message.detail});
  }
  return table.str();
}

std::string rejected_in_full(const RejectedMessage& message) {
  std::string text = "Rejected message " + std::to_string(message.id) + "\n";
  text += line("reason", message.reason + ": " + message.detail);
  text += line("topic", message.topic);
  if (message.message_id) text += line("message", *message.message_id);
  if (message.actor_id) text += line("by", *message.actor_id);
  text += line("received", rfc3339(message.received_at) + " (by the ingester's clock)");
  text += line("rejected", rfc3339(message.rejected_at));
  text += line("state", message.resolution ? state_of(message) + " at " + rfc3339(message.resolution->at) : "open");
  if (!message.note.empty()) text += line("note", message.note);

  const std::string_view payload = message.payload;
  const bool shown_as_text = is_text(payload);
  text += line("payload", std::to_string(payload.size()) + (shown_as_text ? " bytes of text" : " bytes, not text"));
  const std::size_t shown = std::min(payload.size(), shown_as_text ? kTextShownMax : kHexShownMax);
  if (shown > 0) {
    text += "\n" + (shown_as_text ? escape_for_terminal(payload.substr(0, shown)) + "\n" : hex_dump(payload.substr(0, shown)));
  }
  if (shown < payload.size()) {
    text += "(" + std::to_string(payload.size() - shown) + " bytes more; all of them: hermes rejected show " +
            std::to_string(message.id) + " --raw > FILE)\n";
  }
  return text;
}

boost::json::object rejected_json(const RejectedMessage& message, bool with_payload) {
  boost::json::object out{{"id", message.id},
                          {"rejected_at", rfc3339(message.rejected_at)},
                          {"received_at", rfc3339(message.received_at)},
                          {"topic", message.topic},
                          {"reason", message.reason},
                          {"detail", message.detail},
                          {"message_id", or_null(message.message_id)},
                          {"actor_id", or_null(message.actor_id)},
                          {"payload_bytes", message.payload_bytes},
                          {"resolution", nullptr},
                          {"resolved_at", nullptr},
                          {"resolved_by", nullptr},
                          {"note", message.note.empty() ? boost::json::value(nullptr) : boost::json::value(message.note)}};
  if (message.resolution) {
    out["resolution"] = message.resolution->kind;
    out["resolved_at"] = rfc3339(message.resolution->at);
    out["resolved_by"] = message.resolution->by;
  }
  if (with_payload) {
    out["payload"] = is_utf8(message.payload) ? boost::json::value(message.payload) : boost::json::value(nullptr);
    out["payload_hex"] = hex(message.payload);
  }
  return out;
}

}  // namespace hermes::tools
