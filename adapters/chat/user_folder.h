// The folder in which one user's client keeps what must outlive it. One process at a time holds a folder: two clients of one
// user would take the broker's session from each other and publish one outbox twice.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "adapters/chat/error.h"
#include "domain/identifiers.h"
#include "domain/result.h"

namespace hermes::chat {

// HERMES_OUTBOX_DIR, or hermes/outbox under $XDG_STATE_HOME (XDG Base Directory Specification), or under ~/.local/state.
Result<std::filesystem::path, Error> outbox_root();

// root/USER, with what a file name cannot hold written as %XX, and a long name cut and told apart by a digest.
std::filesystem::path user_folder(const std::filesystem::path& root, const domain::UserId& user);

// The lock is the kernel's (flock): it ends with the process, however that dies.
class FolderLock {
 public:
  struct Refused {
    bool held_by_another = false;
    std::string message;  // what is the matter; when held, with the process id of the holder
  };

  // Makes the folder (mode 700) if need be.
  static Result<std::unique_ptr<FolderLock>, Refused> take(const std::filesystem::path& folder);
  // Waits a while for one who holds it only for a moment.
  static Result<std::unique_ptr<FolderLock>, Refused> wait_for(const std::filesystem::path& folder,
                                                               std::chrono::milliseconds limit = std::chrono::seconds(1));
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace hermes::chat
