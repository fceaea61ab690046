// The bytes of a segment file (docs/spool-format.md): a header, then frames of one record each.
//
//   segment := magic[8] first_sequence[8] salt[4] crc[4] frame*
//   frame   := length[4] crc[4] body[length]
//   body    := cereal binary of (sequence, received_at, topic, payload)
//
// Integers are little-endian. A frame's CRC-32 covers length and body and starts from the segment's salt, so that bytes in a
// sender's payload can never look like a frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/spool/spool.h"

namespace hermes::spool {

inline constexpr std::size_t kSegmentHeaderBytes = 24;
inline constexpr std::size_t kFrameHeaderBytes = 8;
inline constexpr std::size_t kBodyBytesMin = 4 * 8;  // sequence, time, two empty strings
inline constexpr std::size_t kFrameBytesMin = kFrameHeaderBytes + kBodyBytesMin;
// The most that MQTT can carry (topic 2^16 - 1, packet 2^28 - 1): a larger length is damage.
inline constexpr std::size_t kBodyBytesMax = kBodyBytesMin + 65'535 + 268'435'455;

struct SegmentHeader {
  Sequence first_sequence = 1;
  std::uint32_t salt = 0;
};

std::string encode_header(const SegmentHeader& header);
// Nothing if `bytes` does not begin with a whole, unspoilt header.
std::optional<SegmentHeader> decode_header(std::string_view bytes);

// The file name of a segment, and back; names sort in the order of their sequences.
std::string segment_name(Sequence first_sequence);
std::optional<Sequence> sequence_of_segment(std::string_view file_name);

// Writes frames one after another. Keeps its buffer; for one thread.
class FrameEncoder {
 public:
  FrameEncoder();
  ~FrameEncoder();
  void clear();
  // Requires: sizes within kBodyBytesMax.
  void add(std::uint32_t salt, Sequence sequence, Timestamp received_at, std::string_view topic, std::string_view payload);
  std::string_view bytes() const;  // all frames since clear(); valid until the next call

  // A single one: clear(), add(), bytes().
  std::string_view encode(std::uint32_t salt, Sequence sequence, Timestamp received_at, std::string_view topic,
                          std::string_view payload);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct ParsedFrame {
  enum class Kind {
    record,
    incomplete,  // the bytes end before the frame does, as after a write cut short
    damaged      // an impossible length, a wrong CRC, or a body of another form
  } kind;
  std::size_t bytes = 0;  // of the whole frame; record only
  Record record;
};

// The frame at the front of `bytes`. Never crashes, whatever the bytes are.
ParsedFrame parse_frame(std::string_view bytes, std::uint32_t salt);

// The length that the frame at the front of `bytes` claims (header included), if that length is possible. Requires: at least
// kFrameHeaderBytes.
std::optional<std::size_t> claimed_frame_bytes(std::string_view bytes);

// Finds, behind damage, the next frame whose sequence can follow `after` and lies before `before`. Returns where it begins,
// past the front of `bytes`, the rest of the segment.
std::optional<std::size_t> find_next_frame(std::string_view bytes, std::uint32_t salt, Sequence after, Sequence before);

}  // namespace hermes::spool
