#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <vector>

#include "adapters/wire/fields.h"
#include "adapters/wire/tolerated_json.h"
#include "adapters/wire/wire.h"
#include "base/printable_text.h"

namespace hermes::wire {
namespace {

using domain::Rejection;
using domain::RejectionReason;

// Memory for a usual message, reused for every one; a larger message uses the heap, which is freed at once.
constexpr std::size_t kArenaBytes = 16 * 1024;

Result<domain::Command, Rejection> message(Fields& fields) {
  auto id = fields.message_id("message_id");
  auto sender = fields.user("sender_id");
  auto sender_name = fields.text("sender_name", domain::kSenderNameMaxCharacters);
  auto receiver = fields.receiver("receiver_id");
  auto content = fields.text("content", kMaxPayloadBytes);
  auto message_type = fields.name("message_type", domain::kMessageTypeMaxCharacters, "text");
  if (!fields.good()) return fail(fields.rejection());
  return domain::Command(domain::SendMessage{std::move(*id), std::move(*sender), std::move(*sender_name), std::move(*receiver),
                                             std::move(*content), std::move(*message_type)});
}

Result<domain::Command, Rejection> status(Fields& fields) {
  auto id = fields.message_id("message_id");
  auto word = fields.word("status");
  auto user = fields.user("user_id");
  std::optional<domain::Status> status;
  if (word) {
    status = domain::parse_status(*word);
    if (!status) fields.note("status", "is not one of sent, received_by_server, delivered, read");
  }
  if (!fields.good()) return fail(fields.rejection());
  return domain::Command(domain::RecordReceipt{std::move(*id), *status, std::move(*user)});
}

Result<domain::Command, Rejection> typing(Fields& fields) {
  auto sender = fields.user("sender_id");
  auto sender_name = fields.text("sender_name", domain::kSenderNameMaxCharacters);
  auto receiver = fields.receiver("receiver_id");
  auto is_typing = fields.boolean("is_typing");
  if (!fields.good()) return fail(fields.rejection());
  return domain::Command(domain::SetTyping{std::move(*sender), std::move(*sender_name), std::move(*receiver), *is_typing});
}

Result<domain::Command, Rejection> command(Fields& fields) {
  if (!fields.has("type")) return message(fields);  // older clients leave it out
  auto type = fields.word("type");
  if (!type) return fail(fields.rejection());
  if (*type == "message") return message(fields);
  if (*type == "status") return status(fields);
  if (*type == "typing") return typing(fields);
  Rejection rejection{RejectionReason::unknown_type, "type is not one of message, status, typing"};
  fields.identify(rejection);
  return fail(std::move(rejection));
}

struct ParseError {
  boost::json::error_code code;
  std::size_t at;  // the byte, the first being 0
};

// The whole character at that byte; what is no UTF-8 is shown as its bytes.
std::string character_at(std::string_view payload, std::size_t at) {
  const auto lead = static_cast<unsigned char>(payload[at]);
  const std::size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const std::string shown = escape_for_terminal(payload.substr(at, length));
  return lead >= 0x80 && shown.starts_with("\\x") ? escape_for_terminal(payload.substr(at, 1)) : shown;
}

bool is_utf16(std::string_view payload) {
  return payload.starts_with("\xff\xfe") || payload.starts_with("\xfe\xff") || payload.substr(0, 2).find('\0') != payload.npos;
}

// The library's word for most of them is "syntax error"; these say more.
std::string in_words(const boost::json::error_code& code, std::string_view payload, std::size_t at) {
  using boost::json::error;
  if (is_utf16(payload)) return "it is UTF-16, and not UTF-8,";
  if (code == error::too_deep) return "it is nested deeper than " + std::to_string(kMaxDepth) + " levels";
  if (code == error::incomplete) return "it is incomplete";
  if (code == error::extra_data) return "something follows the JSON";
  if (at < payload.size()) {
    const bool is_ascii = static_cast<unsigned char>(payload[at]) < 0x80;
    if (!is_ascii && character_at(payload, at).starts_with("\\x")) return "it is not UTF-8";
    // Outside of a text these are blanks.
    if (payload[at] == '\n' || payload[at] == '\r' || payload[at] == '\t')
      return "a line end or a tab stands where none may be";
  }
  const std::string message = code.message();
  return message.substr(0, message.find(" ["));  // without the code's number
}

// The byte at which the parser stopped (the first is 1), and the text there.
std::string place_of(std::string_view payload, std::size_t at) {
  if (at >= payload.size()) return "at its end, byte " + std::to_string(payload.size());
  return "at byte " + std::to_string(at + 1) + ", '" + character_at(payload, at) + "'";
}

}  // namespace

struct Decoder::Impl {
  // The arena's first block lives as long as the decoder. The arena itself is made anew for each payload: its allocations
  // beyond the block double each time, and release() does not reset that (Boost 1.81).
  std::vector<unsigned char> block = std::vector<unsigned char>(kArenaBytes);
  std::optional<boost::json::monotonic_resource> arena;
  boost::json::parser parser{boost::json::storage_ptr(), options()};

  static boost::json::parse_options options() {
    boost::json::parse_options options;
    options.max_depth = kMaxDepth;
    return options;
  }

  Result<boost::json::value, ParseError> parse(std::string_view json) {
    parser.reset();
    arena.emplace(block.data(), block.size());
    parser.reset(&*arena);
    boost::json::error_code error;
    const std::size_t at = parser.write(json.data(), json.size(), error);
    if (!error) return parser.release();
    parser.reset();
    return fail(ParseError{error, at});
  }
};

bool says_nothing(std::string_view payload) { return without_wrapping(payload).empty(); }

Decoder::Decoder() : impl_(std::make_unique<Impl>()) {}
Decoder::~Decoder() = default;

Result<Decoded, Rejection> Decoder::decode(std::string_view payload) {
  if (payload.size() > kMaxPayloadBytes) {
    return fail(Rejection{RejectionReason::payload_too_large, "the payload has " + std::to_string(payload.size()) +
                                                                  " bytes, more than " + std::to_string(kMaxPayloadBytes)});
  }
  const std::string_view json = without_wrapping(payload);
  Result<boost::json::value, ParseError> value = impl_->parse(json);
  bool half_pairs = false;
  if (!value) {
    // Few need it, and looking for what could be mended costs a pass.
    const Mended mended = mend_json(json);
    half_pairs = mended.half_pairs;
    if (mended.json != json) value = impl_->parse(mended.json);
  }
  if (!value) {
    const auto before = static_cast<std::size_t>(json.data() - payload.data());
    const std::string_view read = payload.substr(0, before + json.size());
    const std::size_t at = before + value.error().at;
    return fail(Rejection{RejectionReason::malformed_json,
                          "the payload is not JSON: " + in_words(value.error().code, read, at) + ' ' + place_of(read, at)});
  }
  const boost::json::object* object = value->if_object();
  if (!object) return fail(Rejection{RejectionReason::malformed_json, "the payload is not a JSON object"});

  Fields fields(*object, half_pairs);
  Result<domain::Command, Rejection> decoded = command(fields);
  if (!decoded) return fail(std::move(decoded.error()));
  const auto [occurred_at, forgotten] = fields.lenient_time("timestamp");
  return Decoded{std::move(*decoded), occurred_at, forgotten};
}

}  // namespace hermes::wire
