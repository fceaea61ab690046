#include "adapters/terminal/typed_line.h"

#include <gtest/gtest.h>

namespace hermes::terminal {
namespace {

TEST(TypedLine, IsEchoedAndEndsWithReturn) {
  TypedLine line;
  EXPECT_EQ(line.take("Hel"), "Hel");
  EXPECT_EQ(line.text(), "Hel");
  EXPECT_EQ(line.next(), std::nullopt);
  EXPECT_EQ(line.take("lo\rnext"), "lo\nnext");
  EXPECT_EQ(line.next(), "Hello");
  EXPECT_EQ(line.next(), std::nullopt);
  EXPECT_EQ(line.text(), "next");
}

TEST(TypedLine, TakesBackWholeCharacters) {
  TypedLine line;
  line.take("aé世");
  EXPECT_EQ(line.take("\x7f"), "\b \b\b \b");
  EXPECT_EQ(line.text(), "aé");
  EXPECT_EQ(line.take("\b"), "\b \b");
  EXPECT_EQ(line.text(), "a");
  EXPECT_EQ(line.take("\x15\x7f"), "\b \b");
  EXPECT_EQ(line.text(), "");
}

TEST(TypedLine, EndsTheInputOnlyWhereNothingIsTyped) {
  TypedLine line;
  line.take("a\x04");
  EXPECT_FALSE(line.at_end());
  line.take("\n\x04");
  EXPECT_FALSE(line.at_end());
  EXPECT_EQ(line.next(), "a");
  EXPECT_TRUE(line.at_end());
}

TEST(TypedLine, LetsNoOtherControlCharacterIn) {
  TypedLine line;
  EXPECT_EQ(line.take("a\x1b\x07\tb"), "a b");
}

}  // namespace
}  // namespace hermes::terminal
