// The released mark: the last sequence that its reader is done with. Written in place, in two slots in turn, so that a write
// cut short leaves the one before it (docs/spool-format.md).
//
// The mark may be behind what was released (a power loss, a kill before the write) and is never ahead of it: records are then
// read again, and the log finds them to be duplicates.
#pragma once

#include <filesystem>

#include "adapters/spool/file.h"
#include "adapters/spool/spool.h"

namespace hermes::spool {

class ReleasedMark {
 public:
  // Opens or makes the file `released` of the folder. Throws std::system_error.
  explicit ReleasedMark(const std::filesystem::path& folder);

  // 0 when nothing was released, or when neither slot can be read.
  Sequence value() const { return value_; }
  // Requires: sequence >= value(). Survives a kill of the process.
  void write(Sequence sequence);
  // Survives a power loss too.
  void sync() { file_.sync(); }

  // The mark of a folder that another process may hold.
  static Sequence read(const std::filesystem::path& folder);

 private:
  File file_;
  Sequence value_ = 0;
  unsigned next_slot_ = 0;
};

}  // namespace hermes::spool
