#include "tools/cli/progress_line.h"

#include <gtest/gtest.h>

namespace hermes::tools {
namespace {

std::string half(std::size_t columns) { return progress_text({"chat", "load", 40'000, 80'000, "events"}, 2, columns); }

TEST(ProgressLine, HasABarRateAndTimeToGo) {
  EXPECT_EQ(half(1'000),
            "chat: load      [###############...............]  50 %  40,000 of 80,000 events  20,000/s  2.0 s to go");
  EXPECT_EQ(progress_text({"chat", "index", 13, 13, "steps"}, 0.1, 1'000),
            "chat: index     [##############################] 100 %  13 of 13 steps");
  EXPECT_EQ(progress_text({"chat", "swap", 0, 0, "steps"}, 1, 1'000), "chat: swap     ");
}

// A line that wraps can't be written over: a terminal of 40 columns would fill with pieces.
TEST(ProgressLine, StaysOnOneLineWhateverTheTerminalsWidth) {
  for (std::size_t columns = 1; columns < 120; ++columns)
    EXPECT_LT(half(columns).size(), std::max<std::size_t>(columns, 2)) << columns;
  EXPECT_EQ(half(80), "chat: load      [####...]  50 %  40,000 of 80,000 events  20,000/s  2.0 s to go");
  EXPECT_EQ(half(60), "chat: load       50 %  40,000 of 80,000 events  2.0 s to go");
  EXPECT_EQ(half(40), "chat: load       50 %  2.0 s to go");
}

}  // namespace
}  // namespace hermes::tools
