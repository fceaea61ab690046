#include "adapters/spool/segment_format.h"

#include <zlib.h>

#include <bit>
#include <cereal/archives/binary.hpp>
#include <charconv>
#include <cstring>
#include <istream>
#include <ostream>
#include <stdexcept>
#include <streambuf>

namespace hermes::spool {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the segment format is little-endian, as cereal's binary archive is here");

constexpr std::string_view kMagic = "HRMSPL01";  // ends with the version of the format
constexpr std::string_view kSuffix = ".segment";
constexpr std::size_t kNameDigits = 20;  // 2^64 - 1 has 20

// The most bytes of which the search behind damage may compute CRCs. A payload full of plausible lengths could make the search
// quadratic; beyond this limit, the rest of the segment is kept aside.
constexpr std::size_t kSearchBytesMax = std::size_t{1} << 30;

template <class T>
T load(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <class T>
void store(char* into, T value) {
  std::memcpy(into, &value, sizeof value);
}

std::uint32_t crc_of(std::string_view bytes, std::uint32_t start) {
  return static_cast<std::uint32_t>(::crc32_z(start, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::uint32_t crc_of_frame(std::string_view length, std::string_view body, std::uint32_t salt) {
  return crc_of(body, crc_of(length, salt));
}

// cereal writes to a std::ostream: these let it work on our buffers, without a copy.
class AppendBuffer : public std::streambuf {
 public:
  std::string bytes;

 private:
  std::streamsize xsputn(const char* data, std::streamsize count) override {
    bytes.append(data, static_cast<std::size_t>(count));
    return count;
  }
  int_type overflow(int_type character) override {
    bytes.push_back(traits_type::to_char_type(character));
    return character;
  }
};

class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view bytes) {
    // setg needs char*, but nothing is written through it: the archive only reads.
    char* begin = const_cast<char*>(bytes.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    setg(begin, begin, begin + bytes.size());
  }
  std::size_t left() const { return static_cast<std::size_t>(egptr() - gptr()); }
};

void save_text(cereal::BinaryOutputArchive& archive, std::string_view text) {
  archive(cereal::make_size_tag(static_cast<cereal::size_type>(text.size())));
  archive(cereal::binary_data(text.data(), text.size()));
}

// cereal's own loading of a string trusts its length.
void load_text(cereal::BinaryInputArchive& archive, const ViewBuffer& source, std::string& text) {
  cereal::size_type length = 0;
  archive(cereal::make_size_tag(length));
  if (length > source.left()) throw std::length_error("text longer than its record");
  text.resize(static_cast<std::size_t>(length));
  archive(cereal::binary_data(text.data(), text.size()));
}

std::optional<Record> decode_body(std::string_view body) {
  ViewBuffer buffer(body);
  std::istream stream(&buffer);
  cereal::BinaryInputArchive archive(stream);
  try {
    Record record;
    std::int64_t received_at_us = 0;
    archive(record.sequence, received_at_us);
    load_text(archive, buffer, record.topic);
    load_text(archive, buffer, record.payload);
    record.received_at = Timestamp(std::chrono::microseconds(received_at_us));
    if (buffer.left() == 0) return record;
  } catch (const cereal::Exception&) {
  } catch (const std::length_error&) {
  }
  return std::nullopt;
}

}  // namespace

std::string encode_header(const SegmentHeader& header) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  store(bytes.data() + 8, header.first_sequence);
  store(bytes.data() + 16, header.salt);
  store(bytes.data() + 20, crc_of(std::string_view(bytes).substr(0, 20), 0));
  return bytes;
}

std::optional<SegmentHeader> decode_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || bytes.substr(0, kMagic.size()) != kMagic) return std::nullopt;
  if (load<std::uint32_t>(bytes, 20) != crc_of(bytes.substr(0, 20), 0)) return std::nullopt;
  return SegmentHeader{load<Sequence>(bytes, 8), load<std::uint32_t>(bytes, 16)};
}

std::string segment_name(Sequence first_sequence) {
  const std::string digits = std::to_string(first_sequence);
  return std::string(kNameDigits - digits.size(), '0') + digits + std::string(kSuffix);
}

std::optional<Sequence> sequence_of_segment(std::string_view file_name) {
  if (file_name.size() != kNameDigits + kSuffix.size() || !file_name.ends_with(kSuffix)) return std::nullopt;
  Sequence sequence = 0;
  const char* end = file_name.data() + kNameDigits;
  const auto [stop, error] = std::from_chars(file_name.data(), end, sequence);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return sequence;
}

struct FrameEncoder::Impl {
  AppendBuffer buffer;
  std::ostream stream{&buffer};
  cereal::BinaryOutputArchive archive{stream};
};

FrameEncoder::FrameEncoder() : impl_(std::make_unique<Impl>()) {}
FrameEncoder::~FrameEncoder() = default;

void FrameEncoder::clear() { impl_->buffer.bytes.clear(); }
std::string_view FrameEncoder::bytes() const { return impl_->buffer.bytes; }

void FrameEncoder::add(std::uint32_t salt, Sequence sequence, Timestamp received_at, std::string_view topic,
                       std::string_view payload) {
  std::string& bytes = impl_->buffer.bytes;
  const std::size_t begin = bytes.size();
  bytes.append(kFrameHeaderBytes, '\0');
  impl_->archive(sequence, static_cast<std::int64_t>(received_at.time_since_epoch().count()));
  save_text(impl_->archive, topic);
  save_text(impl_->archive, payload);
  char* const frame = bytes.data() + begin;
  const std::size_t body_bytes = bytes.size() - begin - kFrameHeaderBytes;
  store(frame, static_cast<std::uint32_t>(body_bytes));
  store(frame + 4, crc_of_frame({frame, 4}, {frame + kFrameHeaderBytes, body_bytes}, salt));
}

std::string_view FrameEncoder::encode(std::uint32_t salt, Sequence sequence, Timestamp received_at, std::string_view topic,
                                      std::string_view payload) {
  clear();
  add(salt, sequence, received_at, topic, payload);
  return bytes();
}

std::optional<std::size_t> claimed_frame_bytes(std::string_view bytes) {
  const std::size_t length = load<std::uint32_t>(bytes, 0);
  if (length < kBodyBytesMin || length > kBodyBytesMax) return std::nullopt;
  return kFrameHeaderBytes + length;
}

ParsedFrame parse_frame(std::string_view bytes, std::uint32_t salt) {
  if (bytes.size() < kFrameHeaderBytes) return {ParsedFrame::Kind::incomplete, 0, {}};
  const std::optional<std::size_t> frame_bytes = claimed_frame_bytes(bytes);
  if (!frame_bytes) return {ParsedFrame::Kind::damaged, 0, {}};
  if (bytes.size() < *frame_bytes) return {ParsedFrame::Kind::incomplete, 0, {}};
  const std::string_view body = bytes.substr(kFrameHeaderBytes, *frame_bytes - kFrameHeaderBytes);
  if (load<std::uint32_t>(bytes, 4) != crc_of_frame(bytes.substr(0, 4), body, salt)) {
    return {ParsedFrame::Kind::damaged, 0, {}};
  }
  std::optional<Record> record = decode_body(body);
  if (!record) return {ParsedFrame::Kind::damaged, *frame_bytes, {}};
  return {ParsedFrame::Kind::record, *frame_bytes, std::move(*record)};
}

std::optional<std::size_t> find_next_frame(std::string_view bytes, std::uint32_t salt, Sequence after, Sequence before) {
  const Sequence furthest = after + 1 + bytes.size() / kFrameBytesMin;
  std::size_t searched = 0;
  for (std::size_t at = 1; at + kFrameBytesMin <= bytes.size(); ++at) {
    const std::string_view rest = bytes.substr(at);
    const std::optional<std::size_t> frame_bytes = claimed_frame_bytes(rest);
    if (!frame_bytes || *frame_bytes > rest.size()) continue;
    const auto sequence = load<Sequence>(rest, kFrameHeaderBytes);
    if (sequence <= after || sequence > furthest || sequence >= before) continue;
    searched += *frame_bytes;
    if (searched > kSearchBytesMax) return std::nullopt;
    if (parse_frame(rest, salt).kind == ParsedFrame::Kind::record) return at;
  }
  return std::nullopt;
}

}  // namespace hermes::spool
