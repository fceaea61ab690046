// The released mark: the last sequence that its reader is done with. Written in place, in two slots in turn, so that a write
// cut short leaves the one before it (docs/spool-format.md). Beside it stands the latest time of arrival that was given by
// then: a spool whose records are all released has no other trace of it.
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
  // Timestamp::min() when the mark says none: nothing was released, or a former version wrote it.
  Timestamp latest_arrival() const { return latest_arrival_; }
  // Requires: sequence >= value(), latest_arrival not before the record's of that sequence. Survives a kill of the process.
  void write(Sequence sequence, Timestamp latest_arrival);
  // Survives a power loss too.
  void sync() { file_.sync(); }

  // The mark of a folder that another process may hold.
  static Sequence read(const std::filesystem::path& folder);

 private:
  File file_;
  Sequence value_ = 0;
  Timestamp latest_arrival_ = Timestamp::min();
  unsigned next_slot_ = 0;
};

}  // namespace hermes::spool
