#include "adapters/chat/store/old_folder.h"

#include <string>
#include <utility>
#include <vector>

#include "adapters/chat/store/old_journal.h"
#include "adapters/chat/store/set_aside.h"
#include "adapters/chat/store/store.h"
#include "adapters/chat/store/stored_message.h"
#include "adapters/chat/store/user_folder.h"
#include "base/folder_lock.h"

namespace hermes::chat {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOutboxFile = "outbox.log";
constexpr const char* kInboxFile = "inbox.log";
constexpr const char* kSetAsideFile = "messages.log";

// One lane's, or the folder of what was set aside.
struct OldPart {
  std::string name;
  FolderLock lock;
  OldJournal outbox{};
  OldJournal inbox{};
  OldJournal set_aside{};
};

std::vector<std::string> names_of_parts() {
  constexpr int kSendLanes = 32;
  std::vector<std::string> names{"chat", "set-aside"};
  for (int number = 0; number < kSendLanes; ++number) names.push_back("send-" + std::to_string(number));
  return names;
}

bool has_old_files(const fs::path& folder) {
  std::error_code error;  // a file that cannot be looked at is not there
  return fs::exists(folder / kOutboxFile, error) || fs::exists(folder / kInboxFile, error) ||
         fs::exists(folder / kSetAsideFile, error);
}

Result<OldPart, Error> read(const fs::path& folder, FolderLock lock) {
  OldPart part{.name = folder.filename().string(), .lock = std::move(lock)};
  for (const auto& [file, into] :
       {std::pair(kOutboxFile, &part.outbox), std::pair(kInboxFile, &part.inbox), std::pair(kSetAsideFile, &part.set_aside)}) {
    auto journal = read_old_journal(folder / file);
    if (!journal) return fail(journal.error());
    *into = std::move(*journal);
  }
  return part;
}

void take_over_outbox(sqlite::Connection& connection, const std::string& lane, const OldJournal& journal) {
  for (const OldRecord& record : journal.records) {
    if (record.message) {
      connection.run(R"sql(
INSERT INTO outbox (message_id, sender_id, sender_name, receiver_id, content, message_type, time, lane, position)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, (SELECT coalesce(max(position) + 1, 0) FROM outbox WHERE lane = ?8))
ON CONFLICT DO NOTHING
)sql",
                     StoredMessage(*record.message, record.time, {lane}).values());
    } else if (record.kind == "tried") {
      connection.run("UPDATE outbox SET attempts = ?, overtaken = ? WHERE lane = ? AND message_id = ?",
                     {record.attempts, record.overtaken, lane, record.message_id});
    } else if (record.kind == "acknowledged" || record.kind == "forgotten") {
      connection.run("DELETE FROM outbox WHERE lane = ? AND message_id = ?", {lane, record.message_id});
    }
  }
}

void take_over_inbox(sqlite::Connection& connection, const OldJournal& journal) {
  for (const OldRecord& record : journal.records) {
    const std::string& id = record.message_id;
    if (record.message) {
      connection.run(R"sql(
INSERT INTO inbox (message_id, sender_id, sender_name, receiver_id, content, message_type, time)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING
)sql",
                     StoredMessage(*record.message, record.time).values());
    } else if (record.kind == "shown" || record.kind == "delivered") {
      connection.run("UPDATE inbox SET stage = ? WHERE message_id = ?", {record.kind, id});
    } else if (record.kind == "finished") {
      connection.run("DELETE FROM inbox WHERE message_id = ?", {id});
      connection.run("INSERT INTO finished (message_id) VALUES (?) ON CONFLICT DO NOTHING", {id});
    } else if (record.receipt) {
      connection.run(R"sql(
INSERT INTO receipts (message_id, sender_id, status, tries) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET tries = excluded.tries
)sql",
                     {id, record.receipt->sender.str(), domain::to_string(record.receipt->status), record.attempts});
    } else if (record.kind == "confirmed") {
      connection.run("DELETE FROM receipts WHERE message_id = ?", {id});
    }
  }
}

// A reason follows its message.
void take_over_set_aside(sqlite::Connection& connection, const OldJournal& journal) {
  for (std::size_t i = 0; i < journal.records.size(); ++i) {
    const OldRecord& record = journal.records[i];
    if (!record.message) continue;
    const bool told = i + 1 < journal.records.size() && journal.records[i + 1].kind == "reason";
    put_aside(connection, {{*record.message, record.time}, told ? journal.records[i + 1].reason : ""});
  }
}

// Requires: what was in the files is in the store.
Result<Done, Error> remove_files(const fs::path& folder, const OldPart& part) {
  std::error_code error;
  for (const auto& [name, journal] :
       {std::pair(kOutboxFile, &part.outbox), std::pair(kInboxFile, &part.inbox), std::pair(kSetAsideFile, &part.set_aside)}) {
    const fs::path file = folder / name;
    journal->damaged > 0 ? fs::rename(file, file.string() + ".damaged", error) : void(fs::remove(file, error));
    if (!error) fs::remove(file.string() + ".new", error);  // of a client that was killed while it wrote the file again
    if (error) return fail(Error{"cannot remove " + file.string() + ", which has been taken over: " + error.message()});
  }
  if (!sync_folder(folder)) return fail(Error{"cannot sync " + folder.string()});
  return Done{};
}

}  // namespace

bool is_old_folder(const fs::path& user_folder) {
  for (const std::string& name : names_of_parts()) {
    if (has_old_files(user_folder / name)) return true;
  }
  return false;
}

Result<std::size_t, Error> take_over_old_folder(Store& store) {
  std::vector<OldPart> parts;
  for (const std::string& name : names_of_parts()) {
    const fs::path folder = store.user_folder() / name;
    if (!has_old_files(folder)) continue;
    auto lock = lock_folder(folder);
    if (!lock && lock.error().held_by_another) continue;  // that process lives
    if (!lock) return fail(Error{lock.error().problem});
    auto part = read(folder, std::move(*lock));
    if (!part) return fail(part.error());
    parts.push_back(std::move(*part));
  }
  if (parts.empty()) return std::size_t{0};
  const auto written = store.write(Store::Durability::power, [&](sqlite::Connection& connection) {
    for (const OldPart& part : parts) {
      take_over_outbox(connection, part.name, part.outbox);
      take_over_inbox(connection, part.inbox);
      take_over_set_aside(connection, part.set_aside);
    }
  });
  if (!written) return fail(written.error());
  std::size_t damaged = 0;
  for (const OldPart& part : parts) {
    if (auto removed = remove_files(store.user_folder() / part.name, part); !removed) return fail(removed.error());
    damaged += part.outbox.damaged + part.inbox.damaged + part.set_aside.damaged;
  }
  return damaged;
}

}  // namespace hermes::chat
