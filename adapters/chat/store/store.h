// What the clients of one user keep on the disk: one SQLite database, chat.sqlite in the user's folder. All processes of the
// user have it open, and SQLite lets them write one after the other; who serves which rows of the outbox is what the lanes say
// (lanes.h). docs/chat.md has the tables, and shows how to look into them.
//
// Kill at any instant: what `write` has said to be kept is there at the next opening, and of an unfinished write nothing.
// The database is in WAL mode (sqlite.org/wal.html), so it must be on a disk of this machine.
//
// Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "adapters/chat/store/error.h"
#include "adapters/chat/store/sqlite.h"
#include "base/result.h"

namespace hermes::chat {

class Store {
 public:
  enum class Durability {
    process,  // survives a kill of the process
    power     // survives a power loss: on the disk before it returns
  };

  // Written into the file; a file with another application id is somebody else's. "Herm".
  static constexpr int kApplicationId = 0x4865726d;
  // Of the tables. A file with a higher version is a newer client's, and refused.
  static constexpr int kVersion = 1;
  // Other processes of the user hold the database for milliseconds; one that holds it for so long is stopped.
  static constexpr std::chrono::seconds kLongestWait{10};
  // Pages of 4 KiB that hold nothing any more and are kept for later. Past it the next opening gives them back to the disk.
  static constexpr std::int64_t kMaxFreePages = 1'000;

  // Makes folder (mode 700) and database (mode 600) if need be. Fails for a file that is damaged, or another program's, or a
  // newer client's, and changes nothing of it then: the error says what to do.
  static Result<std::unique_ptr<Store>, Error> open(const std::filesystem::path& user_folder);
  // For a look: no store, and no error, when this user has never kept anything.
  static Result<std::unique_ptr<Store>, Error> open_if_there(const std::filesystem::path& user_folder);

  using Work = std::function<void(sqlite::Connection&)>;
  // One transaction: all that `work` writes, or, when it throws a sqlite::Failure, nothing. Fails for a full disk, for one that
  // cannot be written, and for a database that another process holds for too long. `work` may run only once.
  Result<Done, Error> write(Durability durability, const Work& work);
  // Of what `work` reads each statement sees one state, and several may see several.
  Result<Done, Error> read(const Work& work) const;

  const std::filesystem::path& user_folder() const { return user_folder_; }
  std::filesystem::path file() const { return file_in(user_folder_); }

 private:
  explicit Store(std::filesystem::path user_folder);
  static std::filesystem::path file_in(const std::filesystem::path& user_folder) { return user_folder / "chat.sqlite"; }

  Result<Done, Error> prepare();
  Result<bool, Error> is_new() const;
  Result<Done, Error> make_tables();
  void use(Durability durability);
  void overwrite_failed_commit();
  Error told(const sqlite::Failure& failure) const;

  const std::filesystem::path user_folder_;
  mutable sqlite::Connection connection_;
  Durability durability_ = Durability::power;
};

}  // namespace hermes::chat
