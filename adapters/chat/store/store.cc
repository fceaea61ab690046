#include "adapters/chat/store/store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "adapters/chat/store/user_folder.h"

namespace hermes::chat {
namespace {

using sqlite::Failure;

// Each table that holds messages begins with the same columns (stored_message.h).
constexpr const char* kTables = R"sql(
-- What was sent and the server has not yet acknowledged.
CREATE TABLE outbox (
    message_id   TEXT    NOT NULL,
    sender_id    TEXT    NOT NULL,
    sender_name  TEXT    NOT NULL,
    receiver_id  TEXT    NOT NULL,
    content      TEXT    NOT NULL,
    message_type TEXT    NOT NULL,
    time         TEXT    NOT NULL,            -- when the user sent it
    lane         TEXT    NOT NULL,            -- of the process that sends it: chat, send-0, send-1, ...
    position     INTEGER NOT NULL,            -- order of sending, within the lane
    attempts     INTEGER NOT NULL DEFAULT 0,  -- tries so far
    overtaken    INTEGER NOT NULL DEFAULT 0,  -- later messages that were acknowledged after its last try
    PRIMARY KEY (lane, message_id)
) STRICT;

-- What the server refused: nobody sends it any more.
CREATE TABLE set_aside (
    message_id   TEXT NOT NULL,
    sender_id    TEXT NOT NULL,
    sender_name  TEXT NOT NULL,
    receiver_id  TEXT NOT NULL,
    content      TEXT NOT NULL,
    message_type TEXT NOT NULL,
    time         TEXT NOT NULL,
    reason       TEXT NOT NULL,
    position     INTEGER PRIMARY KEY
) STRICT;

-- What came in and is not yet finished with: shown, and reported as far as it is to be.
CREATE TABLE inbox (
    message_id   TEXT NOT NULL UNIQUE,
    sender_id    TEXT NOT NULL,
    sender_name  TEXT NOT NULL,
    receiver_id  TEXT NOT NULL,
    content      TEXT NOT NULL,
    message_type TEXT NOT NULL,
    time         TEXT NOT NULL,               -- the sender's claim, or else the arrival
    stage        TEXT NOT NULL DEFAULT 'taken' CHECK (stage IN ('taken', 'shown', 'delivered')),
    position     INTEGER PRIMARY KEY          -- order of arrival
) STRICT;

-- The ids of messages that are finished with: one that comes again is not shown again.
CREATE TABLE finished (
    message_id TEXT NOT NULL UNIQUE,
    position   INTEGER PRIMARY KEY            -- order of finishing
) STRICT;

-- Receipts that the broker has, and that are not yet known to be in the log.
CREATE TABLE receipts (
    message_id TEXT    NOT NULL,
    sender_id  TEXT    NOT NULL,              -- of the message: who gets the receipt
    status     TEXT    NOT NULL CHECK (status IN ('delivered', 'read')),
    tries      INTEGER NOT NULL,              -- looked up in vain
    position   INTEGER PRIMARY KEY,           -- order of publishing
    UNIQUE (message_id, status)
) STRICT;
)sql";

constexpr const char* kIdentity = R"sql(
SELECT (SELECT application_id FROM pragma_application_id),
       (SELECT user_version FROM pragma_user_version),
       (SELECT count(*) FROM sqlite_schema)
)sql";

Error cannot(const std::string& what, const std::filesystem::path& file) {
  return {"cannot " + what + " " + file.string() + ": " + std::strerror(errno)};
}

// SQLite would make it readable for everybody. The file must not be there: closing another one would release SQLite's locks.
Result<Done, Error> make_file(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return errno == EEXIST ? Result<Done, Error>(Done{}) : fail(cannot("make", file));
  ::close(descriptor);
  return Done{};
}

}  // namespace

Store::Store(std::filesystem::path user_folder)
    : user_folder_(std::move(user_folder)), connection_(file_in(user_folder_), kLongestWait) {}

Result<std::unique_ptr<Store>, Error> Store::open(const std::filesystem::path& user_folder) {
  if (auto made = make_folder(user_folder); !made) return fail(Error{made.error().problem});
  if (auto made = make_file(file_in(user_folder)); !made) return fail(made.error());
  std::unique_ptr<Store> store;
  try {
    store.reset(new Store(user_folder));
  } catch (const Failure& failure) {
    return fail(Error{"cannot open " + file_in(user_folder).string() + ": " + failure.what()});
  }
  try {
    if (auto prepared = store->prepare(); !prepared) return fail(prepared.error());
  } catch (const Failure& failure) {
    return fail(store->told(failure));
  }
  return store;
}

Result<std::unique_ptr<Store>, Error> Store::open_if_there(const std::filesystem::path& user_folder) {
  std::error_code error;
  const bool there = std::filesystem::exists(file_in(user_folder), error);
  if (error) return fail(Error{"cannot look into " + user_folder.string() + ": " + error.message()});
  if (!there) return std::unique_ptr<Store>();
  return open(user_folder);
}

Result<Done, Error> Store::prepare() {
  connection_.execute("PRAGMA synchronous = FULL");
  auto fresh = is_new();
  if (!fresh) return fail(fresh.error());
  if (*fresh || connection_.text("PRAGMA journal_mode") != "wal") {
    // One process makes it, and the others wait here: SQLite does not wait where it changes to WAL mode.
    const auto lock = FolderLock::wait_for(user_folder_, kLongestWait);
    if (!lock) return fail(Error{lock.error().problem});
    fresh = is_new();
    if (!fresh) return fail(fresh.error());
    if (*fresh) connection_.execute("PRAGMA auto_vacuum = INCREMENTAL");  // before the first page is written, or never
    if (connection_.text("PRAGMA journal_mode = WAL") != "wal") {
      return fail(
          Error{"cannot keep " + file().string() +
                " there: the file system lets processes share no memory. Set HERMES_OUTBOX_DIR to a folder on a disk of "
                "this machine"});
    }
    if (*fresh) {
      if (auto made = make_tables(); !made) return fail(made.error());
    }
  }
  // A page that makes no sense is found now, before anything is written beside it.
  if (const std::string found = connection_.text("PRAGMA quick_check(1)"); found != "ok")
    return fail(told(Failure(Failure::Kind::damaged, found.substr(found.rfind('\n') + 1))));
  if (connection_.number("PRAGMA freelist_count") > kMaxFreePages) connection_.execute("PRAGMA incremental_vacuum");
  return Done{};
}

Result<bool, Error> Store::is_new() const {
  std::int64_t application_id = 0, version = 0, tables = 0;
  // One statement, for another process may be making the database.
  connection_.query(kIdentity, {}, [&](const sqlite::Row& row) {
    application_id = row.integer(0), version = row.integer(1), tables = row.integer(2);
  });
  if (application_id == 0 && version == 0 && tables == 0) return true;
  if (application_id != kApplicationId) {
    return fail(Error{file().string() +
                      " is a database of another program, and stays as it is. Move it away, or set HERMES_OUTBOX_DIR to "
                      "another folder"});
  }
  if (version > kVersion) {
    return fail(Error{"a newer hermes has written " + file().string() + ": its version is " + std::to_string(version) +
                      ", and this program reads up to " + std::to_string(kVersion) +
                      ". It stays as it is. Use the newer program"});
  }
  return false;
}

Result<Done, Error> Store::make_tables() {
  auto made = write(Durability::power, [](sqlite::Connection& connection) {
    connection.execute(kTables);
    connection.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
    connection.execute("PRAGMA user_version = " + std::to_string(kVersion));
  });
  if (!made) return fail(made.error());
  // A new file is durable once its folder is, and a new folder once that which it is in is.
  if (!sync_folder(user_folder_)) return fail(cannot("sync", user_folder_));
  if (!sync_folder(user_folder_.parent_path())) return fail(cannot("sync", user_folder_.parent_path()));
  return Done{};
}

Result<Done, Error> Store::write(Durability durability, const Work& work) {
  bool committing = false;
  try {
    use(durability);
    sqlite::Transaction transaction(connection_);
    work(connection_);
    committing = true;
    transaction.commit();
    return Done{};
  } catch (const Failure& failure) {
    if (committing) overwrite_failed_commit();
    return fail(told(failure));
  }
}

Result<Done, Error> Store::read(const Work& work) const {
  try {
    work(connection_);
    return Done{};
  } catch (const Failure& failure) {
    return fail(told(failure));
  }
}

void Store::use(Durability durability) {
  if (durability == durability_) return;
  // In WAL mode NORMAL leaves it to the kernel when the WAL reaches the disk, and can lose the last commits with the power, but
  // nothing else.
  connection_.execute(durability == Durability::power ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
  durability_ = durability;
}

// A commit that could be written but not forced is taken back in memory alone: its frames are in the WAL, and a process that
// opens it after a kill would take them for kept. Another commit, of nothing, takes their place.
void Store::overwrite_failed_commit() {
  try {
    use(Durability::process);
    sqlite::Transaction transaction(connection_);
    const auto version = connection_.number("PRAGMA user_version");
    connection_.execute("PRAGMA user_version = " + std::to_string(version));
    transaction.commit();
  } catch (const Failure&) {
    // The disk takes nothing at all. The failure that led here is told.
  }
}

Error Store::told(const Failure& failure) const {
  switch (failure.kind()) {
    case Failure::Kind::busy:
      return {"another process of this user has held " + file().string() + " for " + std::to_string(kLongestWait.count()) +
              " s. Is it stopped? See: fuser " + file().string()};
    case Failure::Kind::full:
      return {"the disk is full: cannot write " + file().string() + ". What was kept before stays; make room and try again"};
    case Failure::Kind::damaged:
      return {
          file().string() + " is damaged (" + failure.what() +
          "), and stays as it is. Close all clients of this user, and move it away to begin anew, with its -wal; docs/chat.md "
          "says how to save what can be read of it"};
    case Failure::Kind::other: break;
  }
  return {"cannot use " + file().string() + ": " + failure.what()};
}

}  // namespace hermes::chat
