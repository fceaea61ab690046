#include "adapters/http/query_json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <string>

namespace hermes::http {
namespace {

namespace json = boost::json;

json::value text_or_null(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  return json::string(*text);
}

json::string text(std::string_view view) { return json::string(view); }

}  // namespace

json::object to_json(const eventstore::TimelineStep& step) {
  using Kind = eventstore::TimelineStep::Kind;
  json::object out;
  out["kind"] = step.kind == Kind::event ? "event" : step.kind == Kind::parked ? "parked" : "rejected";
  out["at"] = text(rfc3339(step.at));
  out["received_at"] = nullptr;
  if (step.received_at) out["received_at"] = text(rfc3339(*step.received_at));
  out["what"] = text(step.what);
  out["actor_id"] = text_or_null(step.actor);
  out["recipient_id"] = text_or_null(step.recipient);
  out["state"] = nullptr;
  if (step.state) out["state"] = text(domain::to_string(*step.state));
  out["position"] = nullptr;
  if (step.position) out["position"] = text(eventstore::to_string(*step.position));
  out["version"] = nullptr;
  if (step.version) out["version"] = *step.version;
  out["occurred_at"] = nullptr;
  if (step.occurred_at) out["occurred_at"] = text(rfc3339(*step.occurred_at));
  out["since_previous_us"] = nullptr;
  if (step.since_previous) out["since_previous_us"] = step.since_previous->count();
  out["detail"] = text_or_null(step.detail);
  return out;
}

json::object to_json(const eventstore::Timeline& timeline, std::size_t steps_max) {
  json::object out;
  out["message_id"] = text(timeline.message_id);
  out["message"] = nullptr;
  if (timeline.message) {
    json::object& message = out["message"].emplace_object();
    message["sender_id"] = text(timeline.message->sender.str());
    message["sender_name"] = text(timeline.message->sender_name);
    message["receiver_id"] = text(timeline.message->receiver.str());
    message["content"] = text(timeline.message->content);
    message["message_type"] = text(timeline.message->message_type);
  }
  json::array& steps = out["steps"].emplace_array();
  for (const eventstore::TimelineStep& step : timeline.steps) {
    if (steps.size() == steps_max) break;
    steps.push_back(to_json(step));
  }
  out["truncated"] =
      steps.size() < timeline.steps.size() || timeline.attempts_left_out > 0 || timeline.cut || timeline.unreadable.has_value();
  return out;
}

json::object to_json(const projections::MessageStatus& status) {
  return {{"status", text(status.status)}, {"user_id", text(status.user_id)}, {"timestamp", text(rfc3339(status.timestamp))}};
}

json::object to_json(const projections::MessageEntry& message) {
  json::object out;
  out["message_id"] = text(message.message_id);
  out["sender_id"] = text(message.sender_id);
  out["sender_name"] = text(message.sender_name);
  out["receiver_id"] = text(message.receiver_id);
  out["content"] = text(message.content);
  out["message_type"] = text(message.message_type);
  out["created_at"] = text(rfc3339(message.created_at));
  out["status"] = nullptr;
  if (message.status) out["status"] = to_json(*message.status);
  out["delivered_count"] = message.delivered_count;
  out["read_count"] = message.read_count;
  return out;
}

json::object to_json(const projections::ReceiptOf& receipt) {
  return {{"message_id", text(receipt.message_id)},
          {"status", text(receipt.status)},
          {"timestamp", text(rfc3339(receipt.timestamp))}};
}

json::object to_json(const projections::Conversation& conversation) {
  return {{"peer_id", text(conversation.peer_id)},
          {"unread_count", conversation.unread_count},
          {"last_message",
           {{"message_id", text(conversation.last_message_id)},
            {"sender_id", text(conversation.last_sender_id)},
            {"content", text(conversation.last_content)},
            {"created_at", text(rfc3339(conversation.last_message_at))}}},
          {"last_activity_at", text(rfc3339(conversation.last_activity_at))}};
}

json::object to_json(const projections::User& user) {
  return {{"user_id", text(user.user_id)}, {"name", text_or_null(user.name)}};
}

}  // namespace hermes::http
