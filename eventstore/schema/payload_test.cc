#include "eventstore/schema/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "eventstore/schema/upcaster.h"

namespace hermes::eventstore {
namespace {

using testing::HasSubstr;

domain::UserId user(std::string_view id) { return domain::UserId::parse(id).value(); }

std::vector<domain::Event> one_of_each() {
  return {domain::MessageSent{user("fredy"), "Fredy", user("david"), "Hello\n\xF0\x9F\x98\x80", "text"},
          domain::MessageReceived{},
          domain::MessageDelivered{user("david")},
          domain::MessageRead{user("david")},
          domain::TypingStarted{user("fredy"), "Fredy", user("all")},
          domain::TypingStopped{user("fredy"), user("all")}};
}

std::string encoded(const domain::Event& event) {
  std::string payload;
  encode_payload(event, payload);
  return payload;
}

TEST(Payload, EveryEventComesBackAsItWent) {
  for (const domain::Event& event : one_of_each()) {
    const auto decoded = decode_payload(event_type(event), schema_version(event), encoded(event));
    ASSERT_TRUE(decoded.ok()) << event_type(event);
    EXPECT_EQ(*decoded, event);
  }
}

TEST(Payload, EncodingAppends) {
  std::string out = "before";
  encode_payload(domain::MessageRead{user("david")}, out);
  EXPECT_EQ(out,
            "before\x0A\x05"
            "david");
}

TEST(Payload, EveryEventTypeHasItsName) {
  for (const domain::Event& event : one_of_each()) {
    EXPECT_EQ(schema_version(event_type(event)), schema_version(event)) << event_type(event);
  }
  EXPECT_EQ(schema_version("MessageForgotten"), std::nullopt);
}

TEST(Payload, AnUnknownTypeStopsTheReader) {
  const auto decoded = decode_payload("MessageForgotten", 1, "");
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().kind, PayloadError::Kind::unknown_event_type);
  EXPECT_THAT(decoded.error().detail, HasSubstr("MessageForgotten"));
}

TEST(Payload, ANewerSchemaStopsTheReader) {
  for (const domain::Event& event : one_of_each()) {
    const auto decoded =
        decode_payload(event_type(event), static_cast<std::int16_t>(schema_version(event) + 1), encoded(event));
    ASSERT_FALSE(decoded.ok());
    EXPECT_EQ(decoded.error().kind, PayloadError::Kind::newer_schema);
    EXPECT_THAT(decoded.error().detail, HasSubstr("upgrade"));
  }
}

TEST(Payload, VersionsBelowOneDoNotExist) {
  EXPECT_EQ(decode_payload("MessageReceived", 0, "").error().kind, PayloadError::Kind::malformed);
  EXPECT_EQ(decode_payload("MessageReceived", -7, "").error().kind, PayloadError::Kind::malformed);
}

TEST(Payload, AFieldThatBreaksARuleIsNamed) {
  const auto problem = [](std::string_view type, std::string_view payload) {
    const auto decoded = decode_payload(type, *schema_version(type), payload);
    return decoded ? "none" : decoded.error().detail;
  };
  EXPECT_THAT(problem("MessageRead", ""), HasSubstr("recipient is empty"));
  EXPECT_THAT(problem("MessageRead",
                      "\x0A\x03"
                      "a/b"),
              HasSubstr("recipient contains '/'"));
  EXPECT_THAT(problem("MessageSent",
                      "\x0A\x01"
                      "a"),
              HasSubstr("receiver is empty"));
  EXPECT_THAT(problem("MessageSent", "not protobuf"), HasSubstr("not a payload"));
  EXPECT_THAT(problem("MessageRead", "\x0A\x01\xFF"), HasSubstr("not a payload"));  // protobuf itself refuses bad UTF-8
}

TEST(Payload, TornAndFlippedBytesAreSafe) {
  for (const domain::Event& event : one_of_each()) {
    const std::string payload = encoded(event);
    for (std::size_t i = 0; i < payload.size(); ++i) {
      for (const domain::Event& other : one_of_each()) {
        std::string flipped = payload;
        for (char bits : {'\x01', '\x80', '\xFF'}) {
          flipped[i] = static_cast<char>(payload[i] ^ bits);
          const auto decoded = decode_payload(event_type(other), schema_version(other), flipped);
          EXPECT_TRUE(!decoded || event_type(*decoded) == event_type(other));
        }
        const auto torn = decode_payload(event_type(other), schema_version(other), payload.substr(0, i));
        EXPECT_TRUE(!torn || event_type(*torn) == event_type(other));
      }
    }
  }
}

// Bytes as version 1 wrote them: sender, sender_name, receiver, content. They stay here for ever, for logs hold such.
constexpr std::string_view kMessageSentVersion1 =
    "\x0A\x05"
    "fredy"
    "\x12\x05"
    "Fredy"
    "\x1A\x05"
    "david"
    "\x22\x1E"
    "Written before there was a typ";

TEST(Upcaster, MessageSentOfVersion1IsAText) {
  const auto decoded = decode_payload("MessageSent", 1, kMessageSentVersion1);
  ASSERT_TRUE(decoded.ok()) << decoded.error().detail;
  EXPECT_EQ(*decoded, domain::Event(domain::MessageSent{user("fredy"), "Fredy", user("david"), "Written before there was a typ",
                                                        "text"}));
}

TEST(Upcaster, HostileBytesOfAnOldVersionAreSafe) {
  EXPECT_EQ(decode_payload("MessageSent", 1, "not protobuf").error().kind, PayloadError::Kind::malformed);
  EXPECT_EQ(decode_payload("MessageSent", 1, "").error().kind, PayloadError::Kind::malformed);
}

TEST(Upcaster, EveryOlderVersionCanBeLifted) {
  for (const domain::Event& event : one_of_each()) {
    for (std::int16_t version = 1; version < schema_version(event); ++version) {
      EXPECT_TRUE(upcasters().has(event_type(event), version)) << event_type(event) << " " << version;
    }
  }
}

TEST(Upcaster, LiftsOneVersionAfterTheOther) {
  UpcasterRegistry registry;
  registry.add("Note", 1,
               [](std::string_view payload) { return Result<std::string, PayloadError>(std::string(payload) + "2"); });
  registry.add("Note", 2,
               [](std::string_view payload) { return Result<std::string, PayloadError>(std::string(payload) + "3"); });
  EXPECT_EQ(registry.lift("Note", 1, 3, "1").value(), "123");
  EXPECT_EQ(registry.lift("Note", 2, 3, "2").value(), "23");
  EXPECT_EQ(registry.lift("Note", 3, 3, "3").value(), "3");
}

}  // namespace
}  // namespace hermes::eventstore
