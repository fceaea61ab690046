#include "adapters/ingest/pieces.h"

#include <gmock/gmock.h>

#include <functional>
#include <string>

namespace hermes::ingest {
namespace {

using testing::ElementsAre;

// The pieces in the order in which they are tried by a database that refuses those that hold a capital letter: "abC!" was
// refused, "a" taken.
std::vector<std::string> tried(std::string batch) {
  const auto refused = [](std::string_view piece) { return piece.find_first_of("ABCDEFGH") != std::string_view::npos; };
  std::vector<std::string> all;
  Pieces<char> pieces(batch);
  while (!pieces.empty()) {
    const std::string piece(pieces.next().begin(), pieces.next().end());
    if (!refused(piece)) {
      all.push_back(piece);
      pieces.taken();
    } else {
      all.push_back(piece + '!');
      if (!pieces.halve()) pieces.next()[0] = static_cast<char>(pieces.next()[0] | 0x20);  // its rejection is taken
    }
  }
  return all;
}

TEST(Pieces, ABatchIsTriedAsAWhole) { EXPECT_THAT(tried("abcd"), ElementsAre("abcd")); }

TEST(Pieces, HalvesAreTriedInOrderDownToTheOneThatIsRefused) {
  EXPECT_THAT(tried("abCd"), ElementsAre("abCd!", "ab", "Cd!", "C!", "c", "d"));
  EXPECT_THAT(tried("Abcd"), ElementsAre("Abcd!", "Ab!", "A!", "a", "b", "cd"));
  EXPECT_THAT(tried("abcdE"), ElementsAre("abcdE!", "ab", "cdE!", "c", "dE!", "d", "E!", "e"));
  EXPECT_THAT(tried("AB"), ElementsAre("AB!", "A!", "a", "B!", "b"));
}

TEST(Pieces, AloneItIsNotHalved) {
  EXPECT_THAT(tried("A"), ElementsAre("A!", "a"));
  EXPECT_THAT(tried("a"), ElementsAre("a"));
}

}  // namespace
}  // namespace hermes::ingest
