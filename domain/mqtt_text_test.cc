#include "domain/mqtt_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hermes::domain {
namespace {

using testing::HasSubstr;

std::string problem_of(std::string_view text) { return what_brokers_refuse(text).value_or("none"); }

TEST(MqttText, OfAnyLanguageIsTaken) {
  for (std::string_view text : {"", "fredy", "Zoë", "日本", "\U0001F600", "a\uFEFF", "\uFDCF\uFDF0\uFFFD\U0001FFFD\u00A0"}) {
    EXPECT_EQ(problem_of(text), "none");
  }
}

TEST(MqttText, WithANonCharacterIsRefused) {
  EXPECT_EQ(problem_of("a\uFDD0b"), "contains U+FDD0, a non-character, which MQTT brokers refuse");
  for (std::string_view text : {"\uFDEF", "\uFFFE", "\uFFFF", "\U0001FFFE", "\U0010FFFF"})
    EXPECT_THAT(problem_of(text), HasSubstr("non-character"));
}

TEST(MqttText, WithAControlCharacterIsRefused) {
  for (std::string_view text : {"a\x01", "\x1F", "\x7F", "\u0080", "\u009F", "Zoë\n"})
    EXPECT_EQ(problem_of(text), "contains a control character");
  EXPECT_EQ(problem_of(std::string_view("a\0b", 3)), "contains a NUL character");
}

TEST(MqttText, ThatIsNotUtf8IsRefused) { EXPECT_EQ(problem_of("\xED\xA0\x80"), "is not valid UTF-8"); }

TEST(IncomingIdentifier, IsWhatABrokerTakesInATopic) {
  EXPECT_EQ(parse_incoming<UserId>("Zoë", "sender_id").value().str(), "Zoë");
  EXPECT_EQ(parse_incoming<UserId>("a\uFDD0b", "sender_id").error().message(),
            "sender_id contains U+FDD0, a non-character, which MQTT brokers refuse");
  EXPECT_EQ(parse_incoming<MessageId>("a/b", "message_id").error().message(), "message_id contains '/'");
}

// Rebuilds, snapshots and timelines of logs from before the rule depend on it.
TEST(IncomingIdentifier, OfBeforeTheRuleIsStillReadFromTheLog) { EXPECT_TRUE(UserId::parse("a\uFDD0b").ok()); }

}  // namespace
}  // namespace hermes::domain
