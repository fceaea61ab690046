#include "adapters/spool/segment_reader.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace hermes::spool {
namespace {

// Large enough that one read call brings many records, small enough to stay in the processor's cache.
constexpr std::size_t kBufferBytes = 128 * 1024;

}  // namespace

std::optional<SegmentReader> SegmentReader::open(const Segment& segment) {
  File file(segment.path, O_RDONLY);
  std::string bytes(kSegmentHeaderBytes, '\0');
  bytes.resize(file.read_at(0, bytes.data(), bytes.size()));
  const std::optional<SegmentHeader> header = decode_header(bytes);
  if (!header) return std::nullopt;
  return SegmentReader(std::move(file), *header, segment.before);
}

SegmentReader::SegmentReader(File file, SegmentHeader header, Sequence before)
    : file_(std::move(file)), header_(header), before_(before), previous_(header.first_sequence - 1) {}

void SegmentReader::seek(std::uint64_t offset, Sequence previous) {
  offset_ = offset;
  previous_ = previous;
  skipped_bytes_ = 0;
}

SegmentReader::Item SegmentReader::next(std::uint64_t end) {
  if (offset_ >= end) return End{};
  std::string_view bytes = available(end, kFrameHeaderBytes);
  if (bytes.size() >= kFrameHeaderBytes) {
    const std::optional<std::size_t> frame_bytes = claimed_frame_bytes(bytes);
    if (frame_bytes && *frame_bytes <= end - offset_) bytes = available(end, *frame_bytes);
  }
  ParsedFrame parsed = parse_frame(bytes, header_.salt);
  // Sequences follow one another; a gap is possible only where unreadable bytes could have held the missing records. A frame
  // that is whole but out of order is a leftover, and counts as unreadable. So does a frame with the next segment's first
  // sequence or a later one: its write failed and could not be cut off, and its sequence was given out again.
  const Sequence furthest = previous_ + 1 + skipped_bytes_ / kFrameBytesMin;
  const Sequence sequence = parsed.record.sequence;
  if (parsed.kind == ParsedFrame::Kind::record && sequence > previous_ && sequence <= furthest && sequence < before_) {
    offset_ += parsed.bytes;
    previous_ = sequence;
    skipped_bytes_ = 0;
    return std::move(parsed.record);
  }
  return skip_unreadable(end, parsed.kind == ParsedFrame::Kind::incomplete);
}

// The bytes from offset_ on: at least `wanted` of them, unless `end` or the file comes first.
std::string_view SegmentReader::available(std::uint64_t end, std::size_t wanted) {
  const std::size_t left = static_cast<std::size_t>(end - offset_);
  const std::size_t needed = std::min(wanted, left);
  const bool buffered = offset_ >= buffer_offset_ && offset_ + needed <= buffer_offset_ + buffer_bytes_;
  if (!buffered) {
    const std::size_t fill = std::min(left, std::max(needed, kBufferBytes));
    if (buffer_.size() < fill) buffer_.resize(fill);
    // A single huge record must not keep its memory for ever.
    if (buffer_.size() > kBufferBytes && fill <= kBufferBytes) {
      buffer_.resize(kBufferBytes);
      buffer_.shrink_to_fit();
    }
    buffer_offset_ = offset_;
    buffer_bytes_ = file_.read_at(offset_, buffer_.data(), fill);
  }
  return std::string_view(buffer_)
      .substr(0, buffer_bytes_)
      .substr(static_cast<std::size_t>(offset_ - buffer_offset_))
      .substr(0, left);
}

// Damage is rare, so the whole rest of the segment is read into memory and searched for the next sound frame.
SegmentReader::Unreadable SegmentReader::skip_unreadable(std::uint64_t end, bool incomplete) {
  std::string rest(end - offset_, '\0');
  rest.resize(file_.read_at(offset_, rest.data(), rest.size()));
  const std::optional<std::size_t> found = find_next_frame(rest, header_.salt, previous_, before_);
  Unreadable unreadable{offset_, found.value_or(static_cast<std::size_t>(end - offset_)), !found, !found && incomplete};
  offset_ += unreadable.bytes;
  skipped_bytes_ += unreadable.bytes;
  return unreadable;
}

}  // namespace hermes::spool
