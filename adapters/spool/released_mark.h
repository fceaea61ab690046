// The released mark: the last sequence that was released. It is written in place, alternately into two slots, so that a write
// cut short leaves the former mark (docs/spool-format.md). With it stands the latest time of arrival given out by then: a spool
// whose records are all released has no other trace of it.
//
// The mark may be behind the released records (after a power loss, or a kill before the write), never ahead of them: records
// are then read again, and the log recognizes the duplicates.
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
  // Timestamp::min() if the mark has none: nothing was released, or a former version wrote it.
  Timestamp latest_arrival() const { return latest_arrival_; }
  // Requires: sequence >= value(), latest_arrival is not before that record's time of arrival. Survives a kill of the process.
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
