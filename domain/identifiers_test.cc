#include "domain/identifiers.h"

#include <gtest/gtest.h>

namespace hermes::domain {
namespace {

std::string problem_of(std::string_view text) {
  auto id = UserId::parse(text, "sender_id");
  return id ? "none" : id.error().message();
}

TEST(Identifier, KeepsWhatItWasMadeOf) { EXPECT_EQ(UserId::parse("fredy").value().str(), "fredy"); }

TEST(Identifier, TakesAnyLanguage) {
  EXPECT_EQ(problem_of("Zoë"), "none");
  EXPECT_EQ(problem_of("日本"), "none");
  EXPECT_EQ(problem_of("\U0001F600"), "none");
}

TEST(Identifier, NamesTheFieldAndTheProblem) {
  EXPECT_EQ(problem_of(""), "sender_id is empty");
  EXPECT_EQ(problem_of("a/b"), "sender_id contains '/'");
  EXPECT_EQ(problem_of("a+b"), "sender_id contains '+'");
  EXPECT_EQ(problem_of("#"), "sender_id contains '#'");
  EXPECT_EQ(problem_of("a\nb"), "sender_id contains a control character");
  EXPECT_EQ(problem_of("a\x7F"), "sender_id contains a control character");
  EXPECT_EQ(problem_of("a\u0085"), "sender_id contains a control character");
  EXPECT_EQ(problem_of(std::string_view("a\0b", 3)), "sender_id contains a NUL character");
}

TEST(Identifier, CountsCharactersNotBytes) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "é";
  EXPECT_EQ(problem_of(text), "none");
  EXPECT_EQ(problem_of(text + "é"), "sender_id is longer than 100 characters");
}

TEST(Identifier, RefusesWhatIsNotUtf8) {
  for (std::string_view bytes : {"\x80", "\xC3", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                 "\xF8\x88\x80\x80\x80", "a\xFF", "\xE2\x82", "\xC3\x28"}) {
    EXPECT_EQ(problem_of(bytes), "sender_id is not valid UTF-8");
  }
}

TEST(CheckText, LeavesEverythingButNulAndLengthToTheWriter) {
  EXPECT_TRUE(check_text("content", "", 10).ok());
  EXPECT_TRUE(check_text("content", "a/b\n#+", 10).ok());
  EXPECT_FALSE(check_text("content", std::string_view("\0", 1), 10).ok());
  EXPECT_FALSE(check_text("content", "12345678901", 10).ok());
}

}  // namespace
}  // namespace hermes::domain
