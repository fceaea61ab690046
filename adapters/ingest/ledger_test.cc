#include "adapters/ingest/ledger.h"

#include <gtest/gtest.h>

#include <array>

namespace hermes::ingest {
namespace {

using Sequences = std::vector<spool::Sequence>;

TEST(Ledger, LetsGoOfNothingWhileTheFirstIsUnderWay) {
  Ledger ledger;
  for (spool::Sequence sequence : {7, 8, 9}) ledger.begin(sequence);
  EXPECT_EQ(ledger.finish(Sequences{9, 8}), std::nullopt);
  EXPECT_EQ(ledger.finish(Sequences{7}), 9);
}

TEST(Ledger, LetsGoUpToTheLowestThatIsUnderWay) {
  Ledger ledger;
  for (spool::Sequence sequence : {1, 2, 3, 4}) ledger.begin(sequence);
  EXPECT_EQ(ledger.finish(Sequences{1, 2, 4}), 2);
  EXPECT_EQ(ledger.under_way(), 1u);
  EXPECT_EQ(ledger.finish(Sequences{3}), 4);
  EXPECT_EQ(ledger.under_way(), 0u);
}

TEST(Ledger, GoesOnAfterItWasEmpty) {
  Ledger ledger;
  ledger.begin(1);
  EXPECT_EQ(ledger.finish(Sequences{1}), 1);
  ledger.begin(2);
  ledger.begin(3);
  EXPECT_EQ(ledger.finish(Sequences{2}), 2);
}

}  // namespace
}  // namespace hermes::ingest
