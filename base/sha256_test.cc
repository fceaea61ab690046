#include "base/sha256.h"

#include <gtest/gtest.h>

namespace hermes {
namespace {

std::string hex(const Sha256::Digest& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : digest) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

std::string digest_of(std::string_view text) {
  Sha256 sha;
  sha.update(text);
  return hex(sha.finish());
}

// FIPS 180-4's examples.
constexpr const char* kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Sha256, IsTheStandards) {
  EXPECT_EQ(digest_of("abc"), kOfAbc);
  EXPECT_EQ(digest_of(""), kOfNothing);
}

TEST(Sha256, MayBeMadeWithinAnother) {
  Sha256 outer;
  outer.update("a");
  EXPECT_EQ(digest_of("abc"), kOfAbc);
  outer.update("b");
  EXPECT_EQ(digest_of(""), kOfNothing);
  outer.update("c");
  EXPECT_EQ(hex(outer.finish()), kOfAbc);
}

TEST(Sha256, MayBeLeftUnfinished) {
  {
    Sha256 left;
    left.update("x");
  }
  EXPECT_EQ(digest_of("abc"), kOfAbc);
}

}  // namespace
}  // namespace hermes
