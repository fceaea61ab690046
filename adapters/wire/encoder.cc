#include <boost/json/serializer.hpp>

#include "adapters/wire/wire.h"

namespace hermes::wire {
namespace {

// `text` as a JSON string, quotes included.
void append_quoted(std::string& out, std::string_view text) {
  thread_local boost::json::serializer serializer;
  serializer.reset(boost::json::string_view(text.data(), text.size()));
  char buffer[512];
  while (!serializer.done()) {
    const boost::json::string_view part = serializer.read(buffer);
    out.append(part.data(), part.size());
  }
}

void append_field(std::string& out, std::string_view name_with_punctuation, std::string_view text) {
  out += name_with_punctuation;
  append_quoted(out, text);
}

}  // namespace

std::string encode(const domain::SendMessage& message, Timestamp time) {
  std::string out;
  append_field(out, R"({"type":"message","message_id":)", message.message_id.str());
  append_field(out, R"(,"sender_id":)", message.sender.str());
  append_field(out, R"(,"sender_name":)", message.sender_name);
  append_field(out, R"(,"receiver_id":)", message.receiver.str());
  append_field(out, R"(,"content":)", message.content);
  append_field(out, R"(,"message_type":)", message.message_type);
  append_field(out, R"(,"timestamp":)", rfc3339(time));
  out += '}';
  return out;
}

std::string encode(const domain::SetTyping& typing, Timestamp time) {
  std::string out;
  append_field(out, R"({"type":"typing","sender_id":)", typing.sender.str());
  append_field(out, R"(,"sender_name":)", typing.sender_name);
  append_field(out, R"(,"receiver_id":)", typing.receiver.str());
  out += typing.is_typing ? R"(,"is_typing":true)" : R"(,"is_typing":false)";
  append_field(out, R"(,"timestamp":)", rfc3339(time));
  out += '}';
  return out;
}

std::string encode_status(const domain::MessageId& id, domain::Status status, std::string_view user, Timestamp time) {
  std::string out;
  encode_status_into(out, id.str(), status, user, time);
  return out;
}

void encode_status_into(std::string& out, std::string_view message_id, domain::Status status, std::string_view user,
                        Timestamp time) {
  out.clear();
  append_field(out, R"({"type":"status","message_id":)", message_id);
  append_field(out, R"(,"status":)", domain::to_string(status));
  append_field(out, R"(,"user_id":)", user);
  append_field(out, R"(,"timestamp":)", rfc3339(time));
  out += '}';
}

std::string topic_for(std::string_view root, std::string_view user) {
  std::string topic(root);
  topic += '/';
  topic += user;
  return topic;
}

std::string subscription_for_everything(std::string_view root) { return std::string(root) + "/#"; }

}  // namespace hermes::wire
