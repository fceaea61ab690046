#include "domain/typed_user.h"

#include <gtest/gtest.h>

namespace hermes::domain {
namespace {

std::string typed(std::string_view text) {
  const auto user = parse_typed_user(text, "the user");
  return user ? user->str() : user.error().message();
}

TEST(TypedUser, IsTakenAsItStands) {
  EXPECT_EQ(typed("fredy"), "fredy");
  EXPECT_EQ(typed("日本"), "日本");
  EXPECT_EQ(typed("\U0001F600"), "\U0001F600");
  EXPECT_EQ(typed("می\u200cخواهم"), "می\u200cخواهم") << "a joiner that the script needs";
}

TEST(TypedUser, HasOneSpellingOfEachLetter) {
  EXPECT_EQ(typed("ren\u0065\u0301"), "ren\u00e9");
  EXPECT_EQ(typed("\u212b"), "\u00c5") << "the Angstrom sign is the letter";
  EXPECT_EQ(typed("\ufb01"), "\ufb01") << "a ligature is no other spelling (NFC, not NFKC)";
  EXPECT_EQ(typed("\u1100\u1161"), "\uac00");
}

TEST(TypedUser, HasNoBlankOfAnyKind) {
  EXPECT_EQ(typed("anna b"), "the user contains a blank");
  EXPECT_EQ(typed(" anna"), "the user contains a blank");
  EXPECT_EQ(typed("anna\u00a0b"), "the user contains a blank (U+00A0)");
  for (std::string_view blank :
       {"\t",     "\n",     "\u0085", "\u1680", "\u2000", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f",
        "\u3000", "\u200b", "\u2060", "\ufeff", "\u180e", "\u115f", "\u1160", "\u3164", "\uffa0", "\u2800"}) {
    EXPECT_TRUE(typed("a" + std::string(blank)).starts_with("the user contains a blank")) << typed("a" + std::string(blank));
  }
}

TEST(TypedUser, HasNothingThatCannotBeSeen) {
  EXPECT_EQ(typed("fre\u00addy"), "the user contains what cannot be seen (fre\\xaddy)");
  for (std::string_view hidden : {"\u061c", "\u200e", "\u200f", "\u202e", "\u2066", "\u206a", "\U000E0041"}) {
    EXPECT_TRUE(typed("a" + std::string(hidden) + "b").starts_with("the user contains what cannot be seen"))
        << typed("a" + std::string(hidden) + "b");
  }
  EXPECT_EQ(typed("\U0001F468\u200d\U0001F469"), "\U0001F468\u200d\U0001F469") << "a joiner that an emoji needs";
}

TEST(TypedUser, IsAnIdentifier) {
  EXPECT_EQ(typed(""), "the user is empty");
  EXPECT_EQ(typed("a/b"), "the user contains '/'");
  EXPECT_EQ(typed("\xff"), "the user is not valid UTF-8");
  EXPECT_EQ(typed("a\ufdd0"), "the user contains U+FDD0, a non-character, which MQTT brokers refuse");
  std::string hundred;
  for (int i = 0; i < 100; ++i) hundred += "e\u0301";
  EXPECT_TRUE(parse_typed_user(hundred, "the user")) << "a hundred characters once they are composed";
  EXPECT_FALSE(parse_typed_user(hundred + "e", "the user"));
}

}  // namespace
}  // namespace hermes::domain
