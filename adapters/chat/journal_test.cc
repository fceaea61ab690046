#include "adapters/chat/journal.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/servers/temporary_folder.h"

namespace hermes::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class JournalTest : public ::testing::Test {
 protected:
  std::vector<std::string> reopen() {
    std::vector<std::string> records;
    journal_.reset();
    auto opened = Journal::open(file_, [&](std::string_view json) { records.emplace_back(json); });
    EXPECT_TRUE(opened.ok());
    journal_ = std::move(*opened);
    return records;
  }
  void append(const std::string& json) { ASSERT_TRUE(journal_->append(json, Journal::Durability::power).ok()); }
  std::string content() {
    std::ostringstream out;
    out << std::ifstream(file_).rdbuf();
    return out.str();
  }
  void set_content(const std::string& content) { std::ofstream(file_, std::ios::trunc) << content; }

  private_servers::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "test.log";
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalTest, GivesBackWhatWasAppended) {
  EXPECT_THAT(reopen(), IsEmpty());
  append(R"({"a":1})");
  append(R"({"b":2})");
  EXPECT_THAT(reopen(), ElementsAre(R"({"a":1})", R"({"b":2})"));
}

TEST_F(JournalTest, CutsATornTailWhereverItTore) {
  reopen();
  append(R"({"a":1})");
  const std::string whole = content();
  append(R"({"b":2})");
  const std::string both = content();
  for (std::size_t bytes = whole.size(); bytes < both.size(); ++bytes) {
    journal_.reset();
    set_content(both.substr(0, bytes));
    EXPECT_THAT(reopen(), ElementsAre(R"({"a":1})")) << bytes;
    EXPECT_EQ(content(), whole);
    append(R"({"c":3})");
    EXPECT_THAT(reopen(), ElementsAre(R"({"a":1})", R"({"c":3})")) << bytes;
  }
}

TEST_F(JournalTest, LeavesOutADamagedRecordAndKeepsACopyOfTheFile) {
  reopen();
  append(R"({"a":1})");
  append(R"({"b":2})");
  append(R"({"c":3})");
  std::string damaged = content();
  damaged[damaged.find('2')] = '7';
  journal_.reset();
  set_content(damaged);
  EXPECT_THAT(reopen(), ElementsAre(R"({"a":1})", R"({"c":3})"));
  EXPECT_EQ(journal_->damaged_records(), 1u);
  EXPECT_TRUE(std::filesystem::exists(file_.string() + ".damaged"));
}

TEST_F(JournalTest, IsReplacedInOneStep) {
  reopen();
  append(R"({"a":1})");
  ASSERT_TRUE(journal_->rewrite({R"({"x":1})"}).ok());
  append(R"({"y":2})");
  EXPECT_THAT(reopen(), ElementsAre(R"({"x":1})", R"({"y":2})"));
}

// A limit on the size of files stands for the full disk: write() fails half-way through a record.
TEST_F(JournalTest, TakesBackARecordThatTheDiskHasNoRoomFor) {
  reopen();
  append(R"({"a":1})");
  const std::string before = content();
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{before.size() + 5, limit.rlim_max};
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto refused = journal_->append(R"({"too":"long"})", Journal::Durability::power);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, previous);

  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr(file_.string()));
  EXPECT_EQ(content(), before);
  append(R"({"b":2})");
  EXPECT_THAT(reopen(), ElementsAre(R"({"a":1})", R"({"b":2})"));
}

TEST_F(JournalTest, IsForItsOwnerAlone) {
  reopen();
  EXPECT_EQ(std::filesystem::status(file_).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace
}  // namespace hermes::chat
