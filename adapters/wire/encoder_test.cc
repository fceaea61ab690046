#include <gtest/gtest.h>

#include <string>

#include "adapters/wire/wire.h"

namespace hermes::wire {
namespace {

const Timestamp kTime = *parse_timestamp("2026-01-31T12:00:00.123456Z");

// Texts that JSON must escape, or must not break.
constexpr std::string_view kAwkward = "\"quoted\" \\ back / slash \n\t\x01\x7f é 漢字 \xf0\x9f\x98\x80 {}[]:,";

Decoded decoded(const std::string& payload) {
  Decoder decoder;
  auto result = decoder.decode(payload);
  EXPECT_TRUE(result.ok()) << payload << (result.ok() ? "" : ": " + result.error().detail);
  return *result;
}

domain::UserId user(std::string_view id) { return *domain::UserId::parse(id); }
domain::MessageId message_id(std::string_view id) { return *domain::MessageId::parse(id); }

TEST(Encoder, WritesAMessageThatReadsBackAsItWas) {
  const domain::SendMessage message{message_id("m \"1\""), user("fré\\dy"),       std::string(kAwkward),
                                    user("all"),           std::string(kAwkward), "text/\"plain\""};
  const Decoded read = decoded(encode(message, kTime));
  EXPECT_EQ(std::get<domain::SendMessage>(read.command), message);
  EXPECT_EQ(read.occurred_at, kTime);
}

TEST(Encoder, WritesALongMessageWhole) {
  const domain::SendMessage message{message_id("m1"), user("fredy"), "Fredy", user("david"), std::string(100'000, '"'), "text"};
  EXPECT_EQ(std::get<domain::SendMessage>(decoded(encode(message, kTime)).command), message);
}

TEST(Encoder, WritesTypingThatReadsBackAsItWas) {
  for (bool is_typing : {true, false}) {
    const domain::SetTyping typing{user("fredy"), std::string(kAwkward), user("david"), is_typing};
    EXPECT_EQ(std::get<domain::SetTyping>(decoded(encode(typing, kTime)).command), typing);
  }
}

TEST(Encoder, WritesEveryStatusSoThatItReadsBack) {
  for (auto status :
       {domain::Status::sent, domain::Status::received_by_server, domain::Status::delivered, domain::Status::read}) {
    const Decoded read = decoded(encode_status(message_id("m1"), status, "david", kTime));
    EXPECT_EQ(std::get<domain::RecordReceipt>(read.command), (domain::RecordReceipt{message_id("m1"), status, user("david")}));
    EXPECT_EQ(read.occurred_at, kTime);
  }
}

TEST(Encoder, WritesAStatusIntoABufferThatWasUsed) {
  std::string buffer = "what was there before";
  encode_status_into(buffer, "m1", domain::Status::received_by_server, kServerUser, kTime);
  EXPECT_EQ(buffer, R"({"type":"status","message_id":"m1","status":"received_by_server","user_id":"server",)"
                    R"("timestamp":"2026-01-31T12:00:00.123456Z"})");
}

TEST(Topics, AreBelowTheRoot) {
  EXPECT_EQ(topic_for("chat/messages", "fredy"), "chat/messages/fredy");
  EXPECT_EQ(subscription_for_everything("chat/messages"), "chat/messages/#");
}

}  // namespace
}  // namespace hermes::wire
