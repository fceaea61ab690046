#include "adapters/spool/released_mark.h"

#include <fcntl.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

namespace hermes::spool {
namespace {

constexpr unsigned kSlots = 2;
// A sector each: a power loss during a write can damage one sector, and so only one slot.
constexpr std::size_t kSlotBytes = 512;
constexpr std::size_t kMarkBytes = 12;     // sequence, CRC-32 of it
constexpr std::size_t kArrivalBytes = 12;  // time of arrival, CRC-32 of both; a former version wrote the mark alone

std::uint32_t crc_of(Sequence sequence) {
  return static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(&sequence), sizeof sequence));
}

std::uint32_t crc_of(Sequence sequence, std::int64_t arrival_us) {
  return static_cast<std::uint32_t>(::crc32(crc_of(sequence), reinterpret_cast<const Bytef*>(&arrival_us), sizeof arrival_us));
}

struct Found {
  Sequence sequence = 0;
  Timestamp latest_arrival = Timestamp::min();
  unsigned slot = kSlots - 1;
};

// Timestamp::min() if the slot has no time that belongs to its mark.
Timestamp arrival_in(const char* bytes, Sequence sequence) {
  std::int64_t arrival_us;
  std::uint32_t crc;
  std::memcpy(&arrival_us, bytes, sizeof arrival_us);
  std::memcpy(&crc, bytes + sizeof arrival_us, sizeof crc);
  if (crc != crc_of(sequence, arrival_us)) return Timestamp::min();
  return Timestamp(std::chrono::microseconds(arrival_us));
}

Found find_newest(const File& file) {
  Found newest;
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    char bytes[kMarkBytes + kArrivalBytes];
    if (file.read_at(slot * kSlotBytes, bytes, sizeof bytes) != sizeof bytes) continue;
    Sequence sequence;
    std::uint32_t crc;
    std::memcpy(&sequence, bytes, sizeof sequence);
    std::memcpy(&crc, bytes + sizeof sequence, sizeof crc);
    if (crc != crc_of(sequence)) continue;
    const Timestamp arrival = arrival_in(bytes + kMarkBytes, sequence);
    if (sequence > newest.sequence) newest = {sequence, newest.latest_arrival, slot};
    newest.latest_arrival = std::max(newest.latest_arrival, arrival);
  }
  return newest;
}

}  // namespace

ReleasedMark::ReleasedMark(const std::filesystem::path& folder) : file_(folder / "released", O_RDWR | O_CREAT) {
  // Both slots get their space on disk now: moving the mark must also work on a full disk.
  if (file_.size() < kSlots * kSlotBytes) file_.write_at(0, std::string(kSlots * kSlotBytes, '\0'));
  const Found newest = find_newest(file_);
  value_ = newest.sequence;
  latest_arrival_ = newest.latest_arrival;
  next_slot_ = (newest.slot + 1) % kSlots;
}

void ReleasedMark::write(Sequence sequence, Timestamp latest_arrival) {
  char bytes[kMarkBytes + kArrivalBytes];
  const std::uint32_t crc = crc_of(sequence);
  const std::int64_t arrival_us = latest_arrival.time_since_epoch().count();
  const std::uint32_t crc_of_both = crc_of(sequence, arrival_us);
  std::memcpy(bytes, &sequence, sizeof sequence);
  std::memcpy(bytes + sizeof sequence, &crc, sizeof crc);
  std::memcpy(bytes + kMarkBytes, &arrival_us, sizeof arrival_us);
  std::memcpy(bytes + kMarkBytes + sizeof arrival_us, &crc_of_both, sizeof crc_of_both);
  file_.write_at(next_slot_ * kSlotBytes, std::string_view(bytes, sizeof bytes));
  value_ = sequence;
  latest_arrival_ = latest_arrival;
  next_slot_ = (next_slot_ + 1) % kSlots;
}

Sequence ReleasedMark::read(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "released")) return 0;
  return find_newest(File(folder / "released", O_RDONLY)).sequence;
}

}  // namespace hermes::spool
