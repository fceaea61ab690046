#include "adapters/chat/records.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdint>

namespace hermes::chat {
namespace {

namespace json = boost::json;

std::string_view text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  const json::string* string = value ? value->if_string() : nullptr;
  return string ? std::string_view(*string) : std::string_view();
}

unsigned number(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  const std::int64_t* found = value ? value->if_int64() : nullptr;  // how the parser holds every number that fits
  return found && *found > 0 ? static_cast<unsigned>(std::min<std::int64_t>(*found, 1'000'000)) : 0;
}

}  // namespace

std::string encode_message_record(const domain::SendMessage& message, Timestamp time) {
  const json::object object{{"record", "message"},
                            {"message_id", message.message_id.str()},
                            {"sender_id", message.sender.str()},
                            {"sender_name", message.sender_name},
                            {"receiver_id", message.receiver.str()},
                            {"content", message.content},
                            {"message_type", message.message_type},
                            {"time", rfc3339(time)}};
  return json::serialize(object);
}

std::string encode_record(std::string_view kind, const domain::MessageId& id) {
  return json::serialize(json::object{{"record", kind}, {"message_id", id.str()}});
}

std::string encode_attempts(const domain::MessageId& id, unsigned attempts, unsigned overtaken) {
  return json::serialize(
      json::object{{"record", "tried"}, {"message_id", id.str()}, {"attempts", attempts}, {"overtaken", overtaken}});
}

std::string encode_published(const Receipt& receipt, unsigned tries) {
  return json::serialize(json::object{{"record", "published"},
                                      {"message_id", receipt.message_id.str()},
                                      {"sender_id", receipt.sender.str()},
                                      {"status", domain::to_string(receipt.status)},
                                      {"attempts", tries}});
}

std::string encode_reason(const domain::MessageId& id, std::string_view reason) {
  return json::serialize(json::object{{"record", "reason"}, {"message_id", id.str()}, {"reason", reason}});
}

std::optional<Record> decode_record(std::string_view text_of_record) {
  boost::system::error_code error;
  const json::value value = json::parse(text_of_record, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::object& object = value.get_object();
  Record record{std::string(text(object, "record")), std::string(text(object, "message_id")), std::nullopt, {}};
  record.attempts = number(object, "attempts");
  record.overtaken = number(object, "overtaken");
  record.reason = text(object, "reason");
  if (record.kind.empty() || record.message_id.empty()) return std::nullopt;
  if (record.kind == "message") {
    const auto id = domain::MessageId::parse(record.message_id);
    const auto sender = domain::UserId::parse(text(object, "sender_id"));
    const auto receiver = domain::UserId::parse(text(object, "receiver_id"));
    const auto time = parse_timestamp(text(object, "time"));
    if (!id || !sender || !receiver || !time) return std::nullopt;
    record.message = domain::SendMessage{.message_id = *id,
                                         .sender = *sender,
                                         .sender_name = std::string(text(object, "sender_name")),
                                         .receiver = *receiver,
                                         .content = std::string(text(object, "content")),
                                         .message_type = std::string(text(object, "message_type"))};
    record.time = *time;
  }
  if (record.kind == "published") {
    const auto id = domain::MessageId::parse(record.message_id);
    const auto sender = domain::UserId::parse(text(object, "sender_id"));
    const auto status = domain::parse_status(text(object, "status"));
    if (!id || !sender || !status) return std::nullopt;
    record.receipt = Receipt{*sender, *id, *status};
  }
  return record;
}

}  // namespace hermes::chat
