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

// The library calls most errors "syntax error"; these words say more.
std::string in_words(const boost::json::error_code& code) {
  using boost::json::error;
  if (code == error::too_deep) return "it is nested deeper than " + std::to_string(kMaxDepth) + " levels";
  if (code == error::incomplete) return "it is incomplete";
  if (code == error::extra_data) return "something follows the JSON";
  const std::string message = code.message();
  return message.substr(0, message.find(" ["));  // without the code's number
}

// The byte at which the parser stopped (the first is 1), and the text there.
std::string place_of(std::string_view payload, std::size_t at) {
  if (at >= payload.size()) return "at its end, byte " + std::to_string(payload.size());
  return "at byte " + std::to_string(at + 1) + ", '" + escape_for_terminal(payload.substr(at, 1)) + "'";
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

Decoder::Decoder() : impl_(std::make_unique<Impl>()) {}
Decoder::~Decoder() = default;

Result<Decoded, Rejection> Decoder::decode(std::string_view payload) {
  if (payload.size() > kMaxPayloadBytes) {
    return fail(Rejection{RejectionReason::payload_too_large, "the payload has " + std::to_string(payload.size()) +
                                                                  " bytes, more than " + std::to_string(kMaxPayloadBytes)});
  }
  const std::string_view json = without_wrapping(payload);
  Result<boost::json::value, ParseError> value = impl_->parse(json);
  if (!value) {
    // Few payloads need it, and it costs a pass.
    const std::string mended = mend_json(json);
    if (mended != json) value = impl_->parse(mended);
  }
  if (!value) {
    const auto before = static_cast<std::size_t>(json.data() - payload.data());
    return fail(Rejection{RejectionReason::malformed_json,
                          "the payload is not JSON: " + in_words(value.error().code) + ' ' +
                              place_of(payload.substr(0, before + json.size()), before + value.error().at)});
  }
  const boost::json::object* object = value->if_object();
  if (!object) return fail(Rejection{RejectionReason::malformed_json, "the payload is not a JSON object"});

  Fields fields(*object);
  Result<domain::Command, Rejection> decoded = command(fields);
  if (!decoded) return fail(std::move(decoded.error()));
  const auto [occurred_at, forgotten] = fields.lenient_time("timestamp");
  return Decoded{std::move(*decoded), occurred_at, forgotten};
}

}  // namespace hermes::wire
