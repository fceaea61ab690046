#include "adapters/spool/released_mark.h"

#include <fcntl.h>
#include <zlib.h>

#include <cstring>

namespace hermes::spool {
namespace {

constexpr unsigned kSlots = 2;
// A sector each: a power loss during a write can spoil one sector, so one slot.
constexpr std::size_t kSlotBytes = 512;
constexpr std::size_t kMarkBytes = 12;  // sequence, CRC-32 of it

std::uint32_t crc_of(Sequence sequence) {
  return static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(&sequence), sizeof sequence));
}

struct Found {
  Sequence sequence = 0;
  unsigned slot = kSlots - 1;
};

Found find_newest(const File& file) {
  Found newest;
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    char bytes[kMarkBytes];
    if (file.read_at(slot * kSlotBytes, bytes, sizeof bytes) != sizeof bytes) continue;
    Sequence sequence;
    std::uint32_t crc;
    std::memcpy(&sequence, bytes, sizeof sequence);
    std::memcpy(&crc, bytes + sizeof sequence, sizeof crc);
    if (crc == crc_of(sequence) && sequence > newest.sequence) newest = {sequence, slot};
  }
  return newest;
}

}  // namespace

ReleasedMark::ReleasedMark(const std::filesystem::path& folder) : file_(folder / "released", O_RDWR | O_CREAT) {
  // Both slots get their place on the disk now: moving the mark must work on a disk that has become full.
  if (file_.size() < kSlots * kSlotBytes) file_.write_at(0, std::string(kSlots * kSlotBytes, '\0'));
  const Found newest = find_newest(file_);
  value_ = newest.sequence;
  next_slot_ = (newest.slot + 1) % kSlots;
}

void ReleasedMark::write(Sequence sequence) {
  char bytes[kMarkBytes];
  const std::uint32_t crc = crc_of(sequence);
  std::memcpy(bytes, &sequence, sizeof sequence);
  std::memcpy(bytes + sizeof sequence, &crc, sizeof crc);
  file_.write_at(next_slot_ * kSlotBytes, std::string_view(bytes, sizeof bytes));
  value_ = sequence;
  next_slot_ = (next_slot_ + 1) % kSlots;
}

Sequence ReleasedMark::read(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "released")) return 0;
  return find_newest(File(folder / "released", O_RDONLY)).sequence;
}

}  // namespace hermes::spool
