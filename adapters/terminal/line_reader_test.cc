#include "adapters/terminal/line_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string_view>
#include <vector>

namespace hermes::terminal {
namespace {

class LineReaderTest : public ::testing::Test {
 protected:
  LineReaderTest() { EXPECT_EQ(::pipe(ends_), 0); }
  ~LineReaderTest() override {
    ::close(ends_[0]);
    close_input();
  }
  void write(std::string_view text) {
    ASSERT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    reader().read_available();
  }
  void close_input() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  LineReader& reader() {
    if (!reader_) reader_.emplace(ends_[0]);
    return *reader_;
  }
  std::vector<std::string> lines() {
    std::vector<std::string> out;
    while (auto line = reader().next()) out.push_back(*line);
    return out;
  }
  using Lines = std::vector<std::string>;

 private:
  int ends_[2] = {-1, -1};
  std::optional<LineReader> reader_;
};

TEST_F(LineReaderTest, GivesWholeLinesAsTheyCome) {
  write("one\ntw");
  EXPECT_EQ(lines(), Lines{"one"});
  write("o\r\n\nthree\n");
  EXPECT_EQ(lines(), (Lines{"two", "", "three"}));
  EXPECT_FALSE(reader().at_end());
}

TEST_F(LineReaderTest, GivesALastLineWithoutANewline) {
  write("one\ntwo");
  EXPECT_EQ(lines(), Lines{"one"});
  close_input();
  reader().read_available();
  EXPECT_FALSE(reader().at_end());
  EXPECT_EQ(lines(), Lines{"two"});
  EXPECT_TRUE(reader().at_end());
}

TEST_F(LineReaderTest, CutsALineThatWouldFillTheMemory) {
  for (std::size_t bytes = 0; bytes <= LineReader::kMaxLineBytes; bytes += 16 * 1024) write(std::string(16 * 1024, 'x'));
  const auto piece = reader().next();
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->size(), LineReader::kMaxLineBytes);
}

TEST_F(LineReaderTest, NeverTakesWhatFollowsOfALineThatIsTooLongForALine) {
  for (const std::size_t more : {0, 1, 100'000}) {
    for (std::size_t bytes = 0; bytes < LineReader::kMaxLineBytes; bytes += 16 * 1024) write(std::string(16 * 1024, 'x'));
    EXPECT_EQ(lines().size(), 1u) << more;
    for (std::size_t bytes = 0; bytes < more; bytes += 10'000) write(std::string(std::min<std::size_t>(more, 10'000), 'y'));
    EXPECT_EQ(lines(), Lines{}) << more;
    write("quit\nnext\n");
    EXPECT_EQ(lines(), Lines{"next"}) << more;
  }
}

TEST_F(LineReaderTest, PassesOverAByteOrderMarkAtTheBeginningAlone) {
  write("\xef\xbb");
  EXPECT_EQ(lines(), Lines{});
  write("\xbfone\n\xef\xbb\xbftwo\n");
  EXPECT_EQ(lines(), (Lines{"one", "\xef\xbb\xbftwo"}));
}

TEST_F(LineReaderTest, TheBeginningOfAByteOrderMarkMayBeAll) {
  write("\xef\xbb");
  close_input();
  reader().read_available();
  EXPECT_EQ(lines(), Lines{"\xef\xbb"});
}

}  // namespace
}  // namespace hermes::terminal
