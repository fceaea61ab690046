// A folder as earlier clients left it, written here byte by byte, and what becomes of it.
#include "adapters/chat/store/old_folder.h"

#include <gmock/gmock.h>

#include <boost/crc.hpp>
#include <cstdio>
#include <fstream>

#include "adapters/chat/store/inbox.h"
#include "adapters/chat/store/lanes.h"
#include "adapters/chat/store/set_aside.h"
#include "adapters/chat/store/user_folder.h"
#include "tests/servers/temporary_folder.h"

namespace hermes::chat {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string line(const std::string& json) {
  boost::crc_32_type crc;
  crc.process_bytes(json.data(), json.size());
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(crc.checksum()));
  return std::string(digits) + " " + json + "\n";
}
std::string message_line(const std::string& id, const std::string& second = "01") {
  return line(R"({"record":"message","message_id":")" + id +
              R"(","sender_id":"fredy","sender_name":"Fredy \"F\"","receiver_id":"david","content":"line\nof )" + id +
              R"( and 世界","message_type":"text","time":"2026-01-31T12:00:)" + second + R"(.000001Z"})");
}
std::string note(const std::string& kind, const std::string& id, const std::string& more = "") {
  return line(R"({"record":")" + kind + R"(","message_id":")" + id + "\"" + more + "}");
}
const std::string kPublished = R"(,"sender_id":"fredy","status":"delivered","attempts":3)";

domain::MessageId id_of(const std::string& text) { return *domain::MessageId::parse(text); }
std::string text_of(const Outgoing& outgoing) {
  return outgoing.message.message_id.str() + " " + rfc3339(outgoing.time).substr(17, 9);
}

class OldFolderTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary | std::ios::trunc) << content;
  }
  // One of each kind of file, with one of each kind of record.
  void write_everything() {
    write("chat/outbox.log", message_line("chat-done", "01") + message_line("chat-1", "02") +
                                 note("acknowledged", "chat-done") + message_line("chat-2", "05") +
                                 message_line("chat-dropped", "06") +
                                 note("tried", "chat-1", R"(,"attempts":5,"overtaken":1)") + note("forgotten", "chat-dropped"));
    write("send-7/outbox.log", message_line("script-1", "03") + message_line("script-2", "04"));
    write("set-aside/messages.log", message_line("refused-1") + note("reason", "refused-1", R"(,"reason":"the id is taken")") +
                                        message_line("refused-2") +
                                        note("reason", "refused-2", R"(,"reason":"too \"large\"")"));
    write("chat/inbox.log", note("finished", "in-old") + message_line("in-taken") + message_line("in-shown") +
                                note("shown", "in-shown") + message_line("in-delivered") + note("shown", "in-delivered") +
                                note("published", "in-delivered", kPublished) + note("delivered", "in-delivered") +
                                message_line("in-read") + note("finished", "in-read") +
                                note("published", "in-read", kPublished) + note("confirmed", "in-read"));
  }
  std::unique_ptr<Store> open_store() {
    auto opened = Store::open(folder_.path());
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }
  std::size_t take_over(Store& store) {
    const auto damaged = take_over_old_folder(store);
    if (!damaged) throw std::runtime_error(damaged.error().message);
    return *damaged;
  }
  // All of the store, a line a row.
  static std::vector<std::string> rows_of(const Store& store) {
    std::vector<std::string> rows;
    const auto read = store.read([&](sqlite::Connection& connection) {
      for (const std::string table : {"outbox", "set_aside", "inbox", "finished", "receipts"}) {
        std::string columns;
        connection.query("SELECT name FROM pragma_table_info('" + table + "')", {}, [&](const sqlite::Row& row) {
          columns.append(columns.empty() ? "" : " || '|' || ").append(row.text(0));
        });
        connection.query("SELECT " + columns + " FROM " + table + " ORDER BY 1", {},
                         [&](const sqlite::Row& row) { rows.push_back(table + ": " + row.text(0)); });
      }
    });
    EXPECT_TRUE(read.ok()) << read.error().message;
    return rows;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      const std::string name = fs::relative(entry.path(), folder_.path()).string();
      if (entry.is_regular_file() && !name.ends_with("lock") && !name.starts_with("chat.sqlite")) found.push_back(name);
    }
    std::ranges::sort(found);
    return found;
  }

  private_servers::TemporaryFolder folder_;
  Inbox::Clock::time_point now_ = Inbox::Clock::now();
};

TEST_F(OldFolderTest, GivesItsOutboxesAndWhatWasSetAside) {
  write_everything();
  Lanes lanes = std::move(*Lanes::attend(folder_.path()));
  std::vector<std::string> waiting;
  for (const Outgoing& outgoing : lanes.own().all()) waiting.push_back(text_of(outgoing));
  EXPECT_THAT(waiting, ElementsAre("chat-1 02.000001", "script-1 03.000001", "script-2 04.000001", "chat-2 05.000001"));
  const auto first = lanes.own().take_due(Outbox::Clock::now()).at(0);
  EXPECT_EQ(first.number, 6u) << "its tries are not forgotten";
  EXPECT_EQ(first.outgoing.message.content, "line\nof chat-1 and 世界");
  EXPECT_EQ(first.outgoing.message.sender_name, "Fredy \"F\"");

  std::vector<std::string> reasons;
  const auto set_aside = *all_set_aside(lanes.store());
  for (const SetAside& message : set_aside)
    reasons.push_back(message.outgoing.message.message_id.str() + ": " + message.reason);
  EXPECT_THAT(reasons, ElementsAre("refused-1: the id is taken", "refused-2: too \"large\""));
  EXPECT_EQ(lanes.damaged_records(), 0u);
}

TEST_F(OldFolderTest, GivesItsInbox) {
  write_everything();
  const Lanes lanes = std::move(*Lanes::attend(folder_.path()));
  const auto store = open_store();
  const auto inbox = *Inbox::open(*store, 2s, now_);
  const auto not_shown = inbox->not_shown();
  ASSERT_EQ(not_shown.size(), 1u);
  EXPECT_EQ(not_shown[0].message.message_id, id_of("in-taken"));
  std::vector<std::string> due;
  for (const Receipt& receipt : inbox->due(now_ + 2s, 100))
    due.push_back(receipt.message_id.str() + " " + std::string(to_string(receipt.status)));
  EXPECT_THAT(due, ElementsAre("in-shown delivered", "in-delivered read"));
  EXPECT_FALSE(*inbox->take({not_shown[0].message, {}}));
  for (const char* id : {"in-old", "in-read"}) {
    Incoming again = not_shown[0];
    again.message.message_id = id_of(id);
    EXPECT_FALSE(*inbox->take(again)) << id;
  }
  EXPECT_THAT(inbox->unconfirmed().to_look_up(now_ + 1h, 100), ElementsAre(id_of("in-delivered")));
  EXPECT_EQ(inbox->unconfirmed().tries(id_of("in-delivered")), 3u);
}

TEST_F(OldFolderTest, IsTakenOverOnceAndThenGone) {
  write_everything();
  write("chat/inbox.log.new", "half of it");
  write("chat/lines", "what was typed");
  EXPECT_TRUE(is_old_folder(folder_.path()));
  const auto store = open_store();
  take_over(*store);
  EXPECT_THAT(files(), ElementsAre("chat/lines"));
  EXPECT_FALSE(is_old_folder(folder_.path()));
}

// As a kill between the commit and the removal leaves it, and one before the last removal.
TEST_F(OldFolderTest, MayBeTakenOverTwice) {
  write_everything();
  const auto store = open_store();
  take_over(*store);
  const auto once = rows_of(*store);
  EXPECT_EQ(once.size(), 4u + 2u + 3u + 2u + 1u);
  write_everything();
  take_over(*store);
  EXPECT_EQ(rows_of(*store), once);
  write("set-aside/messages.log", message_line("refused-1") + note("reason", "refused-1", R"(,"reason":"the id is taken")"));
  take_over(*store);
  EXPECT_EQ(rows_of(*store), once);
}

TEST_F(OldFolderTest, IsTakenOverWhereverItsLastLineIsTorn) {
  const std::string whole = message_line("m-1");
  const std::string torn = message_line("m-2");
  for (std::size_t bytes = 0; bytes < torn.size(); bytes += 7) {
    write("chat/outbox.log", whole + torn.substr(0, bytes));
    const auto store = open_store();
    EXPECT_EQ(take_over(*store), 0u);
    const auto waiting = *Lanes::all_waiting(*store);
    ASSERT_EQ(waiting.size(), 1u) << bytes;
    EXPECT_EQ(waiting[0].message.message_id, id_of("m-1"));
  }
}

TEST_F(OldFolderTest, IsReadAsFarAsItCanBeAndItsDamagedFileIsKept) {
  std::string damaged = message_line("m-2");
  damaged[damaged.find("m-2")] = 'n';
  const std::string content = message_line("m-1") + damaged + message_line("m-3");
  write("chat/outbox.log", content);
  write("send-0/outbox.log", message_line("m-4"));
  Lanes lanes = std::move(*Lanes::attend(folder_.path()));
  std::vector<std::string> ids;
  for (const Outgoing& outgoing : lanes.own().all()) ids.push_back(outgoing.message.message_id.str());
  EXPECT_THAT(ids, ElementsAre("m-1", "m-3", "m-4"));
  EXPECT_EQ(lanes.damaged_records(), 1u);
  EXPECT_THAT(files(), ElementsAre("chat/outbox.log.damaged"));
  std::ifstream kept(folder_ / "chat/outbox.log.damaged", std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(kept), {}), content);
}

TEST_F(OldFolderTest, IsLeftToAnEarlierClientAsLongAsThatLives) {
  write("send-3/outbox.log", message_line("m-1"));
  const auto store = open_store();
  {
    const auto earlier_client = lock_folder(folder_ / "send-3");
    ASSERT_TRUE(earlier_client.ok());
    take_over(*store);
    EXPECT_THAT(*Lanes::all_waiting(*store), IsEmpty());
    EXPECT_THAT(files(), ElementsAre("send-3/outbox.log"));
  }
  take_over(*store);
  EXPECT_EQ(Lanes::all_waiting(*store)->size(), 1u);
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(OldFolderTest, IsSeenByWhoOnlyLooks) {
  EXPECT_EQ(*Lanes::look_at(folder_.path()), nullptr);
  write("send-3/outbox.log", message_line("m-1"));
  const auto store = *Lanes::look_at(folder_.path());
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(Lanes::all_waiting(*store)->size(), 1u);
}

}  // namespace
}  // namespace hermes::chat
