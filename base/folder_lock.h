// One process at a time holds a folder: flock(2) on the file `lock` in it. The kernel releases the lock when the process ends,
// also when it is killed.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace hermes {

class FolderLock {
 public:
  struct Refused {
    bool held_by_another = false;  // by another process, or by another lock of this one
    std::string problem;           // "process 17 holds FOLDER", "cannot open FOLDER/lock: Permission denied"
  };

  // Requires: the folder exists.
  static Result<FolderLock, Refused> take(const std::filesystem::path& folder);
  // Waits up to `limit` for a holder that needs the folder only for a moment.
  static Result<FolderLock, Refused> wait_for(const std::filesystem::path& folder, std::chrono::milliseconds limit);

  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace hermes
