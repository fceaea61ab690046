#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "adapters/wire/wire.h"

namespace hermes::wire {
namespace {

using domain::RejectionReason;
using testing::AllOf;
using testing::HasSubstr;
using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::string_view kMessage =
    R"({"type":"message","message_id":"m1","sender_id":"fredy","sender_name":"Fredy","receiver_id":"david",)"
    R"("content":"Hello","message_type":"text","timestamp":"2026-01-31T12:00:00.5Z"})";

Result<Decoded, domain::Rejection> decode(std::string_view payload) {
  Decoder decoder;
  return decoder.decode(payload);
}

domain::Rejection rejection_of(std::string_view payload) {
  auto decoded = decode(payload);
  EXPECT_FALSE(decoded.ok()) << payload;
  return decoded.ok() ? domain::Rejection{} : decoded.error();
}

// kMessage with one piece of text replaced.
std::string message_with(std::string_view old_text, std::string_view new_text) {
  std::string payload(kMessage);
  payload.replace(payload.find(old_text), old_text.size(), new_text);
  return payload;
}

domain::SendMessage send_of(const Result<Decoded, domain::Rejection>& decoded) {
  return std::get<domain::SendMessage>(decoded->command);
}

TEST(Decoder, ReadsAMessage) {
  auto decoded = decode(kMessage);
  ASSERT_TRUE(decoded);
  const domain::SendMessage send = send_of(decoded);
  EXPECT_EQ(send.message_id.str(), "m1");
  EXPECT_EQ(send.sender.str(), "fredy");
  EXPECT_EQ(send.sender_name, "Fredy");
  EXPECT_EQ(send.receiver.str(), "david");
  EXPECT_EQ(send.content, "Hello");
  EXPECT_EQ(send.message_type, "text");
  EXPECT_EQ(rfc3339(decoded->occurred_at.value()), "2026-01-31T12:00:00.500000Z");
}

TEST(Decoder, ReadsAStatus) {
  auto decoded = decode(R"({"type":"status","message_id":"m1","status":"read","user_id":"david","timestamp":"x"})");
  ASSERT_TRUE(decoded);
  const auto& receipt = std::get<domain::RecordReceipt>(decoded->command);
  EXPECT_EQ(receipt.message_id.str(), "m1");
  EXPECT_EQ(receipt.status, domain::Status::read);
  EXPECT_EQ(receipt.user.str(), "david");
}

TEST(Decoder, ReadsTyping) {
  auto decoded = decode(R"({"type":"typing","sender_id":"fredy","sender_name":"Fredy","receiver_id":"all","is_typing":true})");
  ASSERT_TRUE(decoded);
  const auto& typing = std::get<domain::SetTyping>(decoded->command);
  EXPECT_EQ(typing.receiver.str(), "all");
  EXPECT_TRUE(typing.is_typing);
}

TEST(Decoder, TakesAMissingTypeForAMessage) { EXPECT_TRUE(decode(message_with(R"("type":"message",)", ""))); }

TEST(Decoder, TakesAMissingMessageTypeForText) {
  auto decoded = decode(message_with(R"("message_type":"text",)", ""));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(send_of(decoded).message_type, "text");
}

TEST(Decoder, IgnoresUnknownFields) { EXPECT_TRUE(decode(message_with(R"("type":)", R"("colour":{"r":[1,2,3]},"type":)"))); }

TEST(Decoder, TakesATimeWithoutAnOffsetAsUtc) {
  auto decoded = decode(message_with("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.123456"));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(rfc3339(decoded->occurred_at.value()), "2026-01-31T12:00:00.123456Z");
}

TEST(Decoder, DropsAnAbsurdTimeAndKeepsTheMessage) {
  for (std::string_view time :
       {R"("0000-00-00T99:99:99Z")", R"("99999-01-01T00:00:00Z")", R"("yesterday")", R"("")", "17", "{}"}) {
    auto decoded = decode(message_with(R"("2026-01-31T12:00:00.5Z")", time));
    ASSERT_TRUE(decoded) << time;
    EXPECT_FALSE(decoded->occurred_at) << time;
    EXPECT_TRUE(decoded->time_forgotten) << time;
  }
}

TEST(Decoder, ForgetsNoTimeWhereNoneWasSaid) {
  for (const std::string& payload :
       {message_with(R"(,"timestamp":"2026-01-31T12:00:00.5Z")", ""), message_with(R"("2026-01-31T12:00:00.5Z")", "null")}) {
    auto decoded = decode(payload);
    ASSERT_TRUE(decoded) << payload;
    EXPECT_FALSE(decoded->occurred_at) << payload;
    EXPECT_FALSE(decoded->time_forgotten) << payload;
  }
  EXPECT_FALSE(decode(kMessage)->time_forgotten);
}

TEST(Decoder, RejectsWhatIsNotJson) {
  for (std::string_view payload : std::initializer_list<std::string_view>{
           "", "   ", "hello", "{", "{\"type\":\"message\"", "{} {}", "[1,2", "{\"a\":1,}", "\xff\xfe",
           "{\"content\":\"\xc3\x28\"}", "{\"content\":\"\\ud80\"}", "nul", "\xef\xbb\xbf", "\0"sv}) {
    EXPECT_EQ(rejection_of(payload).reason, RejectionReason::malformed_json) << payload;
  }
}

TEST(Decoder, SaysWhatIsNotJsonAndAtWhichByte) {
  const auto detail = [](std::string_view payload) { return rejection_of(payload).detail; };
  EXPECT_EQ(detail("hello"), "the payload is not JSON: syntax error at byte 1, 'h'");
  EXPECT_EQ(detail("{\"a\": tree}"), "the payload is not JSON: syntax error at byte 7, 't'");
  EXPECT_EQ(detail("\xef\xbb\xbf{\"a\": tree}"), "the payload is not JSON: syntax error at byte 10, 't'") << "of what was sent";
  EXPECT_EQ(detail("{\"a\":1,}"), "the payload is not JSON: syntax error at byte 8, '}'");
  EXPECT_EQ(detail("{} {}"), "the payload is not JSON: something follows the JSON at byte 4, '{'");
  EXPECT_EQ(detail("{\"a\": 1"), "the payload is not JSON: it is incomplete at its end, byte 7");
  EXPECT_EQ(detail(""), "the payload is not JSON: it is incomplete at its end, byte 0");
  EXPECT_EQ(detail("{\"a\": \x1b[2J}"), "the payload is not JSON: syntax error at byte 7, '\\x1b'") << "made safe to show";
  EXPECT_EQ(detail("{\"a\": 1e99999999999, \"b\": \"\\ud800\", c}"), "the payload is not JSON: syntax error at byte 37, 'c'")
      << "what was mended before it does not move it";
  EXPECT_EQ(detail("{\"a\":\"caf\xe9\"}"), "the payload is not JSON: it is not UTF-8 at byte 10, '\\xe9'");
  EXPECT_EQ(detail("{\"a\":\"\xed\xa0\x80\"}"), "the payload is not JSON: it is not UTF-8 at byte 7, '\\xed'") << "CESU-8";
  EXPECT_EQ(detail("{\u201ca\u201d:1}"), "the payload is not JSON: syntax error at byte 2, '\u201c'");
  EXPECT_EQ(detail("{\"a\":\"b\nc\"}"),
            "the payload is not JSON: a line end or a tab stands where none may be at byte 8, '\\n'");
  EXPECT_EQ(detail("\xff\xfe{\0}\0"sv), "the payload is not JSON: it is UTF-16, and not UTF-8, at byte 1, '\\xff'");
  EXPECT_EQ(detail("{\0}\0"sv), "the payload is not JSON: it is UTF-16, and not UTF-8, at byte 2, '\\x00'");
  EXPECT_EQ(detail(std::string(17, '[')), "the payload is not JSON: it is nested deeper than 16 levels at byte 17, '['");
}

TEST(Decoder, PassesOverAByteOrderMarkAndNulsAtTheEnd) {
  EXPECT_TRUE(decode("\xef\xbb\xbf" + std::string(kMessage)));
  EXPECT_TRUE(decode(std::string(kMessage) + '\0'));
  EXPECT_TRUE(decode(std::string(kMessage) + std::string(100, '\0')));
  EXPECT_FALSE(decode('\0' + std::string(kMessage)));
  EXPECT_FALSE(decode(std::string(kMessage) + "\0{}"s));
}

TEST(Decoder, ReadsAnEscapedHalfOfASurrogatePairAsTheReplacementCharacter) {
  const auto content = [](std::string_view escaped) {
    auto decoded = decode(message_with("Hello", escaped));
    return decoded ? send_of(decoded).content : decoded.error().detail;
  };
  EXPECT_EQ(content(R"(a\ud83db)"), "a\uFFFDb");
  EXPECT_EQ(content(R"(a\ude00)"), "a\uFFFD");
  EXPECT_EQ(content(R"(\uD83D\uD83D\uDE00)"), "\uFFFD\U0001F600") << "the second has its other half";
  EXPECT_EQ(content(R"(\ud83d\n)"), "\uFFFD\n");
  EXPECT_EQ(content(R"(\ud83d)"), "\uFFFD");
  EXPECT_EQ(content(R"(\\ud83d\ude00)"), "\\ud83d\uFFFD") << "a backslash that stands for itself";
  EXPECT_TRUE(decode(message_with("Fredy", R"(f\udc00)"))) << "in a name, too";
  EXPECT_TRUE(decode(message_with(R"("type":)", R"("\ud800":{"x":"\udfff"},"type":)"))) << "in what is ignored";
}

TEST(Decoder, NumbersInIgnoredFieldsNeverMatter) {
  for (std::string number : {"1e99999999999"s, "-1E-99999999999"s, "1e+99999999999"s, "1e400"s, "0.1e-400"s,
                             std::string(1000, '9'), "0." + std::string(1000, '1') + "e-12345678901234567890"}) {
    EXPECT_TRUE(decode(message_with(R"("type":)", "\"n\":[1," + number + "],\"type\":"))) << number;
  }
  EXPECT_TRUE(decode(message_with("Hello", "1e99999999999 \\ud800"))) << "in a text it is text";
  EXPECT_EQ(send_of(decode(message_with("Hello", "1e99999999999 \\ud800"))).content, "1e99999999999 \uFFFD");
}

TEST(Decoder, OfAFieldThatComesTwiceTheLastCounts) {
  auto decoded = decode(message_with(R"("content":"Hello")", R"("content":17,"content":"first","content":"last")"));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(send_of(decoded).content, "last");
  EXPECT_THAT(rejection_of(message_with(R"("content":"Hello")", R"("content":"Hello","content":17)")).detail,
              HasSubstr("content is not a string"));
}

TEST(Decoder, RejectsJsonThatIsNotAnObject) {
  for (std::string_view payload : {"[]", "\"text\"", "17", "null", "true"}) {
    EXPECT_EQ(rejection_of(payload).reason, RejectionReason::malformed_json) << payload;
  }
}

TEST(Decoder, RejectsDeepNesting) {
  const std::string payload = "{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  EXPECT_EQ(rejection_of(payload).reason, RejectionReason::malformed_json);
}

TEST(Decoder, RejectsAPayloadOverTheLimitWhateverItHolds) {
  const std::string at_limit = message_with("Hello", std::string(kMaxPayloadBytes - kMessage.size() + 5, 'x'));
  ASSERT_EQ(at_limit.size(), kMaxPayloadBytes);
  EXPECT_TRUE(decode(at_limit));
  EXPECT_EQ(rejection_of(at_limit + " ").reason, RejectionReason::payload_too_large);
}

TEST(Decoder, RejectsAnUnknownType) {
  EXPECT_EQ(rejection_of(message_with("\"message\"", "\"messages\"")).reason, RejectionReason::unknown_type);
  EXPECT_EQ(rejection_of(message_with("\"message\"", "17")).reason, RejectionReason::invalid_field);
}

TEST(Decoder, NamesEveryMissingField) {
  const domain::Rejection rejection = rejection_of("{}");
  EXPECT_EQ(rejection.reason, RejectionReason::missing_field);
  EXPECT_THAT(rejection.detail,
              AllOf(HasSubstr("message_id is missing"), HasSubstr("sender_id is missing"), HasSubstr("sender_name is missing"),
                    HasSubstr("receiver_id is missing"), HasSubstr("content is missing")));
}

TEST(Decoder, NamesEveryBadField) {
  const domain::Rejection rejection = rejection_of(
      R"({"message_id":"a/b","sender_id":7,"sender_name":null,"receiver_id":"","content":"\u0000","message_type":[]})");
  EXPECT_EQ(rejection.reason, RejectionReason::invalid_field);
  EXPECT_THAT(rejection.detail, AllOf(HasSubstr("message_id contains '/'"), HasSubstr("sender_id is not a string"),
                                      HasSubstr("sender_name is not a string"), HasSubstr("receiver_id is empty"),
                                      HasSubstr("content contains a NUL"), HasSubstr("message_type is not a string")));
}

TEST(Decoder, NamesTheMessageThatItRejectsAsFarAsThatCanBeRead) {
  domain::Rejection rejection = rejection_of(R"({"message_id":"m1","sender_id":"fredy"})");
  EXPECT_EQ(rejection.message_id, "m1");
  EXPECT_EQ(rejection.actor_id, "fredy");
  rejection = rejection_of(R"({"type":"status","message_id":"m1","status":"eaten","user_id":"david"})");
  EXPECT_EQ(rejection.message_id, "m1");
  EXPECT_EQ(rejection.actor_id, "david");
  rejection = rejection_of(R"({"type":"other","message_id":"m1"})");
  EXPECT_EQ(rejection.message_id, "m1");
  EXPECT_EQ(rejection.actor_id, std::nullopt);
  rejection = rejection_of(R"({"message_id":"a/b","sender_id":7,"sender_name":"x"})");
  EXPECT_EQ(rejection.message_id, std::nullopt);
  EXPECT_EQ(rejection.actor_id, std::nullopt);
}

TEST(Decoder, HoldsTheLengthsOfTheColumns) {
  const auto repeated = [](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += "é";  // characters, not bytes
    return text;
  };
  struct Case {
    std::string_view old_text;
    std::string field;
    std::size_t limit;
  };
  for (const Case& field : {Case{"m1", "message_id", 255}, Case{"fredy", "sender_id", 100}, Case{"Fredy", "sender_name", 100},
                            Case{"david", "receiver_id", 100}, Case{"\"text\"", "message_type", 50}}) {
    const bool quoted = field.old_text.front() == '"';
    const auto with = [&](std::size_t count) {
      return message_with(field.old_text, quoted ? '"' + repeated(count) + '"' : repeated(count));
    };
    EXPECT_TRUE(decode(with(field.limit))) << field.field;
    EXPECT_THAT(rejection_of(with(field.limit + 1)).detail, HasSubstr(field.field + " is longer than")) << field.field;
  }
}

TEST(Decoder, RefusesTopicCharactersInIdentifiers) {
  for (std::string_view bad : {"a/b", "a+b", "a#b", "a\\u0000b", "a\\nb"}) {
    EXPECT_EQ(rejection_of(message_with("fredy", bad)).reason, RejectionReason::invalid_field) << bad;
    EXPECT_EQ(rejection_of(message_with("david", bad)).reason, RejectionReason::invalid_field) << bad;
    EXPECT_EQ(rejection_of(message_with("m1", bad)).reason, RejectionReason::invalid_field) << bad;
  }
}

TEST(Decoder, RefusesASenderCalledEveryone) {
  EXPECT_THAT(rejection_of(message_with("fredy", "all")).detail, HasSubstr("sender_id"));
}

TEST(Decoder, RefusesAnUnknownStatus) {
  const domain::Rejection rejection = rejection_of(R"({"type":"status","message_id":"m1","status":"eaten","user_id":"david"})");
  EXPECT_EQ(rejection.reason, RejectionReason::invalid_field);
  EXPECT_THAT(rejection.detail, HasSubstr("status is not one of"));
}

TEST(Decoder, RefusesATypingThatIsNotABoolean) {
  EXPECT_THAT(rejection_of(R"({"type":"typing","sender_id":"a","sender_name":"A","receiver_id":"b","is_typing":"yes"})").detail,
              HasSubstr("is_typing is not true or false"));
}

TEST(Decoder, TakesAsManyLargePayloadsAsCome) {
  Decoder decoder;
  const std::string large = message_with("Hello", std::string(20'000, 'x'));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(decoder.decode(large)) << i;
  const std::string broken = large.substr(0, large.size() - 1);
  for (int i = 0; i < 200; ++i) ASSERT_FALSE(decoder.decode(broken)) << i;
}

TEST(Decoder, WorksOnAfterAnyFailure) {
  Decoder decoder;
  for (std::string_view bad : {"{", "[[[[", "{\"content\":\"unfinished", "\xff"}) {
    EXPECT_FALSE(decoder.decode(bad));
    EXPECT_TRUE(decoder.decode(kMessage)) << bad;
  }
}

// A broker may drop the connection of whoever publishes to such a topic (MQTT 5, 1.5.4).
TEST(Decoder, RefusesIdentifiersThatABrokerRefusesInATopic) {
  EXPECT_THAT(rejection_of(message_with("fredy", "a\\ufdd0b")).detail, HasSubstr("sender_id contains U+FDD0"));
  EXPECT_THAT(rejection_of(message_with("david", "a\\uffffb")).detail, HasSubstr("receiver_id contains U+FFFF"));
  EXPECT_THAT(rejection_of(message_with("m1", "a\uFDEF")).detail, HasSubstr("message_id contains U+FDEF"));
  EXPECT_TRUE(decode(message_with("Hello", "a\\ufdd0b")).ok());  // a content is nobody's topic
}

// Two that differ would become one, and the second the first one's conflict.
TEST(Decoder, HalfASurrogatePairInAnIdentifierIsRefused) {
  for (const auto& [old_text, field] :
       {std::pair{"\"m1\"", "message_id"}, {"\"fredy\"", "sender_id"}, {"\"david\"", "receiver_id"}}) {
    const domain::Rejection rejection = rejection_of(message_with(old_text, "\"a\\ud83d\""));
    EXPECT_EQ(rejection.reason, RejectionReason::invalid_field);
    EXPECT_EQ(rejection.detail, std::string(field) + " holds half of a surrogate pair");
  }
  EXPECT_EQ(send_of(decode(message_with("\"m1\"", "\"\uFFFD\""))).message_id.str(), "\uFFFD")
      << "which somebody may have chosen";
  EXPECT_EQ(send_of(decode(message_with("Hello", "\\ud83d"))).content, "\uFFFD");
  EXPECT_TRUE(decode(message_with("\"m1\"", "\"\uFFFD\",\"ignored\":1e99999999999"))) << "whatever else was mended";
}

TEST(Decoder, WhatIsPassedOverSaysNothing) {
  for (const std::string_view payload : {""sv, "\0"sv, "\xef\xbb\xbf"sv, " \r\n"sv, "\xef\xbb\xbf\n\0\0"sv})
    EXPECT_TRUE(says_nothing(payload));
  EXPECT_FALSE(says_nothing("{}"));
  EXPECT_TRUE(decode(std::string(kMessage) + "\0\n"s));
  EXPECT_TRUE(decode(std::string(kMessage) + "\n\0"s));
}

}  // namespace
}  // namespace hermes::wire
