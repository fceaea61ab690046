#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>
#include <vector>

#include "adapters/wire/fields.h"
#include "adapters/wire/wire.h"

namespace hermes::wire {
namespace {

using domain::Rejection;
using domain::RejectionReason;

// Room for a usual message, reused for every one; what is larger comes from the heap and is given back at once.
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
  return fail(Rejection{RejectionReason::unknown_type, "type is not one of message, status, typing"});
}

}  // namespace

struct Decoder::Impl {
  // The arena's first block lives as long as the decoder; release() returns to it.
  std::vector<unsigned char> block = std::vector<unsigned char>(kArenaBytes);
  boost::json::monotonic_resource arena{block.data(), block.size()};
  boost::json::parser parser{boost::json::storage_ptr(), options()};

  static boost::json::parse_options options() {
    boost::json::parse_options options;
    options.max_depth = kMaxDepth;
    return options;
  }
};

Decoder::Decoder() : impl_(std::make_unique<Impl>()) {}
Decoder::~Decoder() = default;

Result<Decoded, Rejection> Decoder::decode(std::string_view payload) {
  if (payload.size() > kMaxPayloadBytes) {
    return fail(Rejection{RejectionReason::payload_too_large, "the payload has " + std::to_string(payload.size()) +
                                                                  " bytes, more than " + std::to_string(kMaxPayloadBytes)});
  }
  impl_->arena.release();
  impl_->parser.reset(&impl_->arena);
  boost::json::error_code error;
  impl_->parser.write(payload.data(), payload.size(), error);
  if (error) {
    impl_->parser.reset();
    return fail(Rejection{RejectionReason::malformed_json, "the payload is not JSON: " + error.message()});
  }
  const boost::json::value value = impl_->parser.release();
  const boost::json::object* object = value.if_object();
  if (!object) return fail(Rejection{RejectionReason::malformed_json, "the payload is not a JSON object"});

  Fields fields(*object);
  Result<domain::Command, Rejection> decoded = command(fields);
  if (!decoded) return fail(std::move(decoded.error()));
  std::optional<domain::Timestamp> occurred_at;
  if (auto text = fields.lenient_text("timestamp")) occurred_at = domain::parse_timestamp(*text);
  return Decoded{std::move(*decoded), occurred_at};
}

}  // namespace hermes::wire
