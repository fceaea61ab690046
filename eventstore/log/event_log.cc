#include "eventstore/log/event_log.h"

#include <algorithm>
#include <charconv>

#include "base/sha256.h"

namespace hermes::eventstore {

std::string to_string(Position position) { return std::to_string(position.partition) + ":" + std::to_string(position.offset); }

std::optional<Position> parse_position(std::string_view text) {
  Position position;
  const char* end = text.data() + text.size();
  auto partition = std::from_chars(text.data(), end, position.partition);
  if (partition.ec != std::errc() || partition.ptr == end || *partition.ptr != ':') return std::nullopt;
  auto offset = std::from_chars(partition.ptr + 1, end, position.offset);
  if (offset.ec != std::errc() || offset.ptr != end) return std::nullopt;
  if (position.partition < 0 || position.offset < 0) return std::nullopt;
  return position;
}

StreamKey stream_key(std::string_view stream_id) {
  Sha256 sha256;
  sha256.update(stream_id);
  const Sha256::Digest digest = sha256.finish();
  StreamKey key;
  std::copy_n(digest.begin(), key.size(), key.begin());
  return key;
}

Partition partition_of(const StreamKey& key, int partition_count) {
  std::uint64_t tail = 0;
  for (std::size_t i = 8; i < key.size(); ++i) tail = tail << 8 | std::to_integer<std::uint64_t>(key[i]);
  return static_cast<Partition>(tail % static_cast<std::uint64_t>(partition_count));
}

std::string snapshot_binding(const StreamKey& key, Version next_version) {
  std::string binding(reinterpret_cast<const char*>(key.data()), key.size());
  for (int shift = 24; shift >= 0; shift -= 8) binding += static_cast<char>(static_cast<std::uint32_t>(next_version) >> shift);
  return binding;
}

}  // namespace hermes::eventstore
