// Reads one segment from front to back, through a buffer, and goes on behind damage.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "adapters/spool/file.h"
#include "adapters/spool/segment.h"
#include "adapters/spool/segment_format.h"

namespace hermes::spool {

class SegmentReader {
 public:
  struct End {};
  // Bytes that hold no readable record. With `at_end`, nothing readable comes after them; `incomplete` then says that they are
  // the beginning of a frame, as after a write cut short.
  struct Unreadable {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    bool at_end = false;
    bool incomplete = false;
  };
  using Item = std::variant<End, Record, Unreadable>;

  // Nothing if the header can't be read. Throws std::system_error if the file can't. Frames from segment.before on count as
  // unreadable: they are the rest of a failed write.
  static std::optional<SegmentReader> open(const Segment& segment);

  const SegmentHeader& header() const { return header_; }
  // Where the next item begins.
  std::uint64_t offset() const { return offset_; }
  // Moves to a place where a frame begins. `previous` is the sequence before it.
  void seek(std::uint64_t offset, Sequence previous);

  // The next item of the first `end` bytes of the file. Throws std::system_error when the file can't be read.
  Item next(std::uint64_t end);

 private:
  SegmentReader(File file, SegmentHeader header, Sequence before);
  std::string_view available(std::uint64_t end, std::size_t wanted);
  Unreadable skip_unreadable(std::uint64_t end, bool incomplete);

  File file_;
  SegmentHeader header_;
  Sequence before_;
  std::uint64_t offset_ = kSegmentHeaderBytes;
  Sequence previous_ = 0;
  std::uint64_t skipped_bytes_ = 0;  // unreadable, since the previous record
  std::string buffer_;
  std::uint64_t buffer_offset_ = 0;
  std::size_t buffer_bytes_ = 0;
};

}  // namespace hermes::spool
