// Appends frames to one new segment file. A frame is written whole, or the file stays as it was.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "adapters/spool/file.h"
#include "adapters/spool/segment_format.h"
#include "adapters/spool/spool.h"
#include "base/result.h"

namespace hermes::spool {

class SegmentWriter {
 public:
  // Makes the file and writes its header; with `durable`, the folder's entry is flushed to disk too. On failure no file is
  // left.
  static Result<SegmentWriter, AppendError> create(const std::filesystem::path& folder, Sequence first_sequence, bool durable);

  std::uint32_t salt() const { return salt_; }
  std::uint64_t bytes() const { return bytes_; }

  // On failure the file is cut back to where it was. If even that fails, `usable()` is false from then on: the rest of the
  // frame stays behind the last whole one, where a reader stops.
  Result<Done, AppendError> append(std::string_view frame);
  // Removes the last frames, back to a size of `bytes`.
  void cut_back_to(std::uint64_t bytes);
  bool usable() const { return usable_; }

  // Shared, so that the file can be synced while appends go on.
  std::shared_ptr<const File> file() const { return file_; }

 private:
  SegmentWriter(File file, std::uint32_t salt);
  std::shared_ptr<const File> file_;
  std::uint32_t salt_;
  std::uint64_t bytes_ = kSegmentHeaderBytes;
  bool usable_ = true;
};

}  // namespace hermes::spool
