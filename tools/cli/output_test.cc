#include "tools/cli/output.h"

#include <gtest/gtest.h>

namespace hermes::tools {
namespace {

using namespace std::chrono_literals;

TEST(Table, AlignsByColumnsOfTheTerminal) {
  Table table({{"USER"}, {"COUNT", Table::Align::right}, {"TEXT"}});
  table.add({"fredy", "7", "Hello"});
  table.add({"日本", "1200", "Zoë"});
  EXPECT_EQ(table.str(),
            "USER   COUNT  TEXT\n"
            "fredy      7  Hello\n"
            "日本    1200  Zoë\n");
}

TEST(Table, EscapesWhatItIsGiven) {
  Table table({{"A"}, {"B"}});
  table.add({"\x1b[2J", "two\nlines"});
  EXPECT_EQ(table.str(), "A        B\n\\x1b[2J  two\\nlines\n");
}

TEST(Table, CutsWhatIsTooWide) {
  Table table(std::vector<Table::Column>{"A"});
  table.add({std::string(200, 'x')});
  EXPECT_EQ(table.str(), "A\n" + std::string(119, 'x') + "…\n");
}

TEST(Table, KeepsPiecesOfGrowingOutputInLine) {
  Table table({{"USER", 8}, {"TEXT"}});
  table.add({"fredy", "one"});
  EXPECT_EQ(table.take_rows(), "fredy     one\n");
  table.add({"a", "two"});
  EXPECT_EQ(table.take_rows(), "a         two\n");
  EXPECT_TRUE(table.empty());
}

TEST(HumanDuration, ReadsLikeAPersonWouldSayIt) {
  EXPECT_EQ(human_duration(850us), "850 µs");
  EXPECT_EQ(human_duration(12'340us), "12.3 ms");
  EXPECT_EQ(human_duration(4'500ms), "4.5 s");
  EXPECT_EQ(human_duration(125s), "2 min 5 s");
  EXPECT_EQ(human_duration(184min), "3 h 4 min");
  EXPECT_EQ(human_duration(51h), "2 d 3 h");
  EXPECT_EQ(human_duration(-2s), "-2.0 s");
}

TEST(HumanBytes, UsesBinaryUnits) {
  EXPECT_EQ(human_bytes(512), "512 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(std::uint64_t{2} << 30), "2.0 GiB");
}

}  // namespace
}  // namespace hermes::tools
