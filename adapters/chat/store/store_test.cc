#include "adapters/chat/store/store.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "adapters/chat/store/outbox.h"
#include "tests/servers/temporary_folder.h"
#include "tests/support/faults/small_disk.h"

namespace hermes::chat {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string content_of(const fs::path& file) {
  std::ostringstream out;
  out << std::ifstream(file, std::ios::binary).rdbuf();
  return out.str();
}

void write_file(const fs::path& file, const std::string& content) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
}

Outgoing message(const std::string& id, const std::string& content = "hello") {
  const auto user = [](const char* text) { return *domain::UserId::parse(text); };
  return {{*domain::MessageId::parse(id), user("fredy"), "Fredy", user("david"), content, "text"}, {}};
}

class StoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> open() {
    auto opened = Store::open(folder_ / "u");
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }
  std::string refusal() {
    const auto opened = Store::open(folder_ / "u");
    return opened ? "opened" : opened.error().message;
  }
  void change(const std::string& sql) { sqlite::Connection(file_, std::chrono::seconds(60)).execute(sql); }
  static std::vector<std::string> kept_in(Store& store) {
    std::vector<std::string> ids;
    const auto outbox = *Outbox::open(store, "chat");
    for (const Outgoing& outgoing : outbox->all()) ids.push_back(outgoing.message.message_id.str());
    return ids;
  }

  private_servers::TemporaryFolder folder_;
  fs::path file_ = folder_ / "u" / "chat.sqlite";
};

TEST_F(StoreTest, IsForItsOwnerAlone) {
  const auto store = open();
  ASSERT_TRUE((*Outbox::open(*store, "chat"))->add(message("m-1")).ok());
  EXPECT_EQ(fs::status(folder_ / "u").permissions(), fs::perms::owner_all);
  for (const char* file : {"chat.sqlite", "chat.sqlite-wal", "chat.sqlite-shm"}) {
    EXPECT_EQ(fs::status(folder_ / "u" / file).permissions(), fs::perms::owner_read | fs::perms::owner_write) << file;
  }
}

TEST_F(StoreTest, IsLookedForWithoutMakingAnything) {
  EXPECT_EQ(*Store::open_if_there(folder_ / "u"), nullptr);
  EXPECT_FALSE(fs::exists(folder_ / "u"));
  open();
  EXPECT_NE(*Store::open_if_there(folder_ / "u"), nullptr);
}

TEST_F(StoreTest, SaysWhoseAndWhichItIs) {
  open();
  sqlite::Connection connection(file_, std::chrono::seconds(60));
  EXPECT_EQ(connection.number("PRAGMA application_id"), Store::kApplicationId);
  EXPECT_EQ(connection.number("PRAGMA user_version"), Store::kVersion);
  EXPECT_EQ(connection.text("PRAGMA journal_mode"), "wal");
}

TEST_F(StoreTest, WritesAllOrNothing) {
  const auto store = open();
  const auto written = store->write(Store::Durability::process, [](sqlite::Connection& connection) {
    connection.run("INSERT INTO finished (message_id) VALUES ('m-1')");
    connection.run("INSERT INTO receipts (message_id, sender_id, status, tries) VALUES ('m-1', 'fredy', 'sent', 0)");
  });
  EXPECT_FALSE(written.ok());
  std::int64_t rows = -1;
  ASSERT_TRUE(
      store->read([&](sqlite::Connection& connection) { rows = connection.number("SELECT count(*) FROM finished"); }).ok());
  EXPECT_EQ(rows, 0);
}

TEST_F(StoreTest, OfANewerClientIsRefusedAndLeftAlone) {
  open();
  change("PRAGMA user_version = 2");
  const std::string before = content_of(file_);
  EXPECT_THAT(refusal(), AllOf(HasSubstr(file_.string()), HasSubstr("newer hermes"), HasSubstr("version is 2")));
  EXPECT_EQ(content_of(file_), before);
}

TEST_F(StoreTest, OfAnotherProgramIsRefusedAndLeftAlone) {
  fs::create_directory(folder_ / "u");
  write_file(file_, "");
  change("CREATE TABLE theirs (a)");
  const std::string before = content_of(file_);
  EXPECT_THAT(refusal(), AllOf(HasSubstr(file_.string()), HasSubstr("another program"), HasSubstr("HERMES_OUTBOX_DIR")));
  EXPECT_EQ(content_of(file_), before);
}

TEST_F(StoreTest, ThatIsNoDatabaseIsRefusedAndLeftAlone) {
  fs::create_directory(folder_ / "u");
  const std::string content(5'000, 'x');
  write_file(file_, content);
  EXPECT_THAT(refusal(), AllOf(HasSubstr(file_.string()), HasSubstr("is damaged"), HasSubstr("move it away")));
  EXPECT_EQ(content_of(file_), content);
}

// Half a disk's worth of pages overwritten with nothing: SQLite itself would find out only when it meets one of them.
TEST_F(StoreTest, WithADamagedPageIsRefusedAndLeftAlone) {
  {
    const auto store = open();
    const auto outbox = *Outbox::open(*store, "chat");
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(outbox->add(message("m-" + std::to_string(i), std::string(1'000, 'x'))).ok());
  }
  std::string damaged = content_of(file_);
  const std::size_t page = 4'096;
  ASSERT_GT(damaged.size(), 20 * page);
  damaged.replace(damaged.size() - 3 * page, page, page, '\0');
  write_file(file_, damaged);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("is damaged"), HasSubstr("move it away"), Not(HasSubstr("\n"))));
  EXPECT_EQ(content_of(file_), damaged);
}

// As after the kill of a client: what it has committed is in the WAL, or torn off there.
TEST_F(StoreTest, HasWhatWasCommittedWhereverTheWalTears) {
  const auto store = open();
  const auto outbox = *Outbox::open(*store, "chat");
  ASSERT_TRUE(outbox->add(message("m-1")).ok());
  const fs::path wal = file_.string() + "-wal";
  const std::string first = content_of(wal);
  ASSERT_TRUE(outbox->add(message("m-2")).ok());
  const std::string both = content_of(wal);
  ASSERT_GT(both.size(), first.size());
  for (std::size_t bytes = first.size(); bytes < both.size(); bytes += 509) {
    const private_servers::TemporaryFolder after;
    fs::copy(file_, after / "chat.sqlite");
    write_file(after / "chat.sqlite-wal", both.substr(0, bytes));
    auto reopened = Store::open(after.path());
    ASSERT_TRUE(reopened.ok()) << bytes << ": " << reopened.error().message;
    EXPECT_THAT(kept_in(**reopened), ::testing::ElementsAre("m-1")) << bytes;
    ASSERT_TRUE((*Outbox::open(**reopened, "chat"))->add(message("m-3")).ok());
    EXPECT_THAT(kept_in(**reopened), ::testing::ElementsAre("m-1", "m-3")) << bytes;
  }
}

TEST_F(StoreTest, SaysThatTheDiskIsFullAndLosesNothing) {
  test_support::SmallDisk disk(folder_ / "u", 1u << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs root, and mounting to be allowed";
  const auto store = open();
  const auto outbox = *Outbox::open(*store, "chat");
  std::vector<std::string> taken;
  std::optional<std::string> refused;
  for (int i = 0; !refused; ++i) {
    const auto added = outbox->add(message("m-" + std::to_string(i), std::string(50'000, 'x')));
    if (added) taken.push_back("m-" + std::to_string(i));
    if (!added) refused = added.error().message;
  }
  EXPECT_THAT(*refused, AllOf(HasSubstr("disk is full"), HasSubstr(file_.string())));
  EXPECT_EQ(kept_in(*store), taken);
  disk.grow_to(4u << 20);
  taken.emplace_back("room again");
  ASSERT_TRUE(outbox->add(message("room again")).ok());
  EXPECT_EQ(kept_in(*store), taken);
}

// Processes of one user that start for the first time, all at once.
TEST_F(StoreTest, IsMadeOnceByManyAtOnce) {
  std::vector<std::string> problems(8);
  {
    std::vector<std::jthread> clients;
    for (std::size_t i = 0; i < problems.size(); ++i) {
      clients.emplace_back([&, i] {
        auto store = Store::open(folder_ / "u");
        if (!store) return void(problems[i] = store.error().message);
        const auto added = (*Outbox::open(**store, "send-" + std::to_string(i)))->add(message("m-1"));
        if (!added) problems[i] = added.error().message;
      });
    }
  }
  EXPECT_THAT(problems, ::testing::Each(""));
  const auto store = open();
  std::int64_t rows = 0;
  ASSERT_TRUE(
      store->read([&](sqlite::Connection& connection) { rows = connection.number("SELECT count(*) FROM outbox"); }).ok());
  EXPECT_EQ(rows, 8);
}

}  // namespace
}  // namespace hermes::chat
