// One process at a time holds a spool's folder: flock(2) on the file `lock` in it. The kernel lets go when the process ends,
// however it ends.
#pragma once

#include <filesystem>

#include "adapters/spool/file.h"
#include "adapters/spool/spool.h"
#include "domain/result.h"

namespace hermes::spool {

class FolderLock {
 public:
  // Fails, naming the holder's process id, when another process (or another Spool of this one) holds the folder.
  static Result<FolderLock, OpenError> take(const std::filesystem::path& folder);

 private:
  explicit FolderLock(File file) : file_(std::move(file)) {}
  File file_;
};

}  // namespace hermes::spool
