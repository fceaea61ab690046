#include "tools/cli/event_json.h"

#include <string_view>
#include <variant>

namespace hermes::tools {
namespace {

namespace json = boost::json;

json::string text(std::string_view view) { return json::string(view); }

}  // namespace

json::object to_json(const domain::Event& event) {
  struct {
    json::object operator()(const domain::MessageSent& e) const {
      return {{"sender", text(e.sender.str())},
              {"sender_name", text(e.sender_name)},
              {"receiver", text(e.receiver.str())},
              {"content", text(e.content)},
              {"message_type", text(e.message_type)}};
    }
    json::object operator()(const domain::MessageReceived&) const { return {}; }
    json::object operator()(const domain::MessageDelivered& e) const { return {{"recipient", text(e.recipient.str())}}; }
    json::object operator()(const domain::MessageRead& e) const { return {{"recipient", text(e.recipient.str())}}; }
    json::object operator()(const domain::TypingStarted& e) const {
      return {{"sender", text(e.sender.str())}, {"sender_name", text(e.sender_name)}, {"receiver", text(e.receiver.str())}};
    }
    json::object operator()(const domain::TypingStopped& e) const {
      return {{"sender", text(e.sender.str())}, {"receiver", text(e.receiver.str())}};
    }
  } visitor;
  return std::visit(visitor, event);
}

json::object to_json(const eventstore::RecordedEvent& event) {
  json::object out;
  out["partition"] = event.position.partition;
  out["offset"] = event.position.offset;
  out["stream_id"] = text(event.stream_id);
  out["version"] = event.version;
  out["event_type"] = text(domain::event_type(event.event));
  out["schema_version"] = event.schema_version;
  out["actor_id"] = text(event.actor_id);
  out["occurred_at"] = nullptr;
  if (event.occurred_at) out["occurred_at"] = text(rfc3339(*event.occurred_at));
  out["recorded_at"] = text(rfc3339(event.recorded_at));
  out["received_at"] = nullptr;
  if (event.received_at) out["received_at"] = text(rfc3339(*event.received_at));
  out["data"] = to_json(event.event);
  return out;
}

}  // namespace hermes::tools
