// What breaks a rule of docs/wire.md is kept as it came, with its reason, and the good message that follows it arrives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/eventually.h"
#include "tests/support/ingest_stack.h"

namespace hermes::test_support {
namespace {

struct Bad {
  std::string what;
  std::string payload;
  std::string reason;
  std::string named;  // what the detail must name
};

std::string message_with(const std::string& field, const std::string& json_value) {
  std::string object = "{\"type\":\"message\"";
  const std::vector<std::pair<std::string, std::string>> fields = {{"message_id", "\"bad\""},    {"sender_id", "\"fredy\""},
                                                                   {"sender_name", "\"Fredy\""}, {"receiver_id", "\"david\""},
                                                                   {"content", "\"hello\""},     {"message_type", "\"text\""}};
  for (const auto& [name, value] : fields) {
    const std::string& chosen = name == field ? json_value : value;
    if (!chosen.empty()) object += ",\"" + name + "\":" + chosen;
  }
  return object + "}";
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }
std::string repeated(std::size_t count, const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

std::vector<Bad> all_bad() {
  std::vector<Bad> bad = {
      {"no JSON", "hello", "malformed_json", ""},
      {"JSON that ends too early", R"({"type":"message")", "malformed_json", ""},
      {"something after the object", IngestStack::message("bad") + "x", "malformed_json", ""},
      {"no object", "[1,2,3]", "malformed_json", "object"},
      {"bytes that are no UTF-8", message_with("content", quoted("\xff\xfe")), "malformed_json", ""},
      {"bytes that are no text at all", std::string("\x00\x01\x02\x80", 4), "malformed_json", ""},
      {"nested too deeply", message_with("content", repeated(100, "[") + repeated(100, "]")), "malformed_json", "deep"},
      {"too large", message_with("content", quoted(std::string(256 * 1024, 'c'))), "payload_too_large", "bytes"},
      {"a type that nobody knows", R"({"type":"party"})", "unknown_type", "type"},
      {"a type that is no text", R"({"type":7})", "invalid_field", "type"},
      {"an id longer than 255", message_with("message_id", quoted(repeated(256, "é"))), "invalid_field", "message_id"},
      {"a sender longer than 100", message_with("sender_id", quoted(repeated(101, "é"))), "invalid_field", "sender_id"},
      {"a receiver longer than 100", message_with("receiver_id", quoted(std::string(101, 'r'))), "invalid_field",
       "receiver_id"},
      {"a name longer than 100", message_with("sender_name", quoted(std::string(101, 'n'))), "invalid_field", "sender_name"},
      {"a message type longer than 50", message_with("message_type", quoted(std::string(51, 't'))), "invalid_field",
       "message_type"},
      {"NUL in the content", message_with("content", R"("a\u0000b")"), "invalid_field", "content"},
      {"a control character in an id", message_with("message_id", R"("a\u001bb")"), "invalid_field", "message_id"},
      {"the server's status by a client", IngestStack::status("good-0", "received_by_server", "david"), "server_only_status",
       "received_by_server"},
      {"the sender's status by a client", IngestStack::status("good-0", "sent", "fredy"), "server_only_status", "sent"},
      {"a status that nobody knows", IngestStack::status("good-0", "eaten", "david"), "invalid_field", "status"},
      {"a receipt by somebody else", IngestStack::status("good-0", "read", "erin"), "not_a_recipient", "erin"},
      {"a receipt for one's own broadcast", IngestStack::status("broadcast", "read", "fredy"), "own_broadcast_receipt",
       "fredy"},
      {"the same id with another content", IngestStack::message("good-0", "fredy", "david", "forged"), "conflicting_message",
       "good-0"},
      {"a receipt without its fields", R"({"type":"status"})", "missing_field", "user_id"},
      {"a receipt by a number", R"({"type":"status","message_id":"good-0","status":"read","user_id":7})", "invalid_field",
       "user_id"},
      {"typing without is_typing", R"({"type":"typing","sender_id":"f","sender_name":"F","receiver_id":"d"})", "missing_field",
       "is_typing"},
      {"is_typing that is text", R"({"type":"typing","sender_id":"f","sender_name":"F","receiver_id":"d","is_typing":"yes"})",
       "invalid_field", "is_typing"},
      {"a sender that means everyone", IngestStack::message("bad", "all"), "invalid_field", "sender_id"},
  };
  for (const std::string field : {"message_id", "sender_id", "sender_name", "receiver_id", "content"}) {
    bad.push_back({"no " + field, message_with(field, ""), "missing_field", field});
    bad.push_back({field + " that is a number", message_with(field, "7"), "invalid_field", field});
    bad.push_back({field + " that is null", message_with(field, "null"), "invalid_field", field});
  }
  for (const std::string character : {"/", "+", "#"}) {
    for (const std::string field : {"message_id", "sender_id", "receiver_id"})
      bad.push_back({field + " with " + character, message_with(field, quoted("a" + character)), "invalid_field", field});
  }
  return bad;
}

std::string hex(const std::string& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += kDigits[static_cast<unsigned char>(byte) >> 4];
    text += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

TEST(BadInput, IsKeptWithItsReasonWhileTheGoodBesideItArrives) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  stack.publish("david", IngestStack::message("good-0"));
  stack.publish("all", IngestStack::message("broadcast", "fredy", "all"));
  const std::vector<Bad> bad = all_bad();
  for (std::size_t i = 0; i < bad.size(); ++i) {
    stack.publish("somewhere", bad[i].payload);
    stack.publish("david", IngestStack::message("good-" + std::to_string(i + 1)));
  }
  EXPECT_TRUE(eventually([&] {
    return stack.count("event_type = 'MessageSent'") == static_cast<std::int64_t>(bad.size() + 2) &&
           stack.database().value("SELECT count(*) FROM rejected_events") == std::to_string(bad.size());
  })) << stack.count("event_type = 'MessageSent'")
      << " messages, " << stack.database().value("SELECT count(*) FROM rejected_events") << " rejected of " << bad.size();
  EXPECT_EQ(stack.count("event_type NOT IN ('MessageSent', 'MessageReceived')"), 0);

  const auto rows =
      stack.database().rows("SELECT encode(payload, 'hex'), reason, detail, topic FROM rejected_events ORDER BY sequence");
  ASSERT_EQ(rows.size(), bad.size());
  for (std::size_t i = 0; i < bad.size(); ++i) {
    EXPECT_EQ(rows[i][0], hex(bad[i].payload)) << bad[i].what;
    EXPECT_EQ(rows[i][1], bad[i].reason) << bad[i].what << ": " << rows[i][2];
    EXPECT_THAT(rows[i][2], testing::HasSubstr(bad[i].named)) << bad[i].what;
    EXPECT_EQ(rows[i][3], stack.topic() + "/somewhere") << bad[i].what;
  }
}

TEST(BadInput, AnAbsurdTimestampIsNoErrorAndNoTime) {
  IngestStack stack;
  auto ingester = stack.ready_ingester();
  const std::vector<std::string> absurd = {
      R"("yesterday")", R"("9999999-01-01T00:00:00Z")", R"("2026-13-45T99:99:99Z")", "7", "null", "[]"};
  for (std::size_t i = 0; i < absurd.size(); ++i) {
    stack.publish("david",
                  R"({"message_id":"m)" + std::to_string(i) +
                      R"(","sender_id":"fredy","sender_name":"Fredy","receiver_id":"david","content":"hello","timestamp":)" +
                      absurd[i] + "}");
  }
  EXPECT_TRUE(
      eventually([&] { return stack.count("event_type = 'MessageSent'") == static_cast<std::int64_t>(absurd.size()); }));
  EXPECT_EQ(stack.count("occurred_at IS NOT NULL"), 0);
  EXPECT_EQ(stack.database().value("SELECT count(*) FROM rejected_events"), "0");
}

}  // namespace
}  // namespace hermes::test_support
