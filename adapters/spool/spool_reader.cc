#include "adapters/spool/spool_reader.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "adapters/spool/recovery.h"
#include "adapters/spool/segment_format.h"

namespace hermes::spool {
namespace {

// A reader at the last landmark before the record, or at the beginning. Nothing if the segment's header can't be read.
std::optional<SegmentReader> open_near(Sequence sequence, const Segment& segment) {
  std::optional<SegmentReader> reader = SegmentReader::open(segment);
  if (!reader) return reader;
  const auto landmark = std::partition_point(segment.landmarks.begin(), segment.landmarks.end(),
                                             [&](const Landmark& mark) { return mark.sequence <= sequence; });
  if (landmark != segment.landmarks.begin()) reader->seek(std::prev(landmark)->offset, std::prev(landmark)->sequence - 1);
  return reader;
}

}  // namespace

SpoolReader::SpoolReader(std::filesystem::path folder, const SegmentList& segments, const std::vector<Damage>& known,
                         std::function<void(const Damage&)> tell)
    : folder_(std::move(folder)), segments_(segments), known_(known), tell_(std::move(tell)), read_(segments.released()) {}

std::optional<Record> SpoolReader::next() {
  for (;;) {
    if (!reader_ && !open_next_segment()) return std::nullopt;
    SegmentReader::Item item = reader_->next(readable_bytes_);
    if (auto* record = std::get_if<Record>(&item)) {
      if (record->sequence <= read_) continue;
      report_gap(record->sequence);
      read_ = record->sequence;
      return std::move(*record);
    }
    if (const auto* unreadable = std::get_if<SegmentReader::Unreadable>(&item)) {
      unreadable_.push_back(*unreadable);
    } else if (!more_to_read()) {
      return std::nullopt;
    }
  }
}

bool SpoolReader::open_next_segment() {
  read_ = std::max(read_, segments_.released());
  const std::optional<Segment> found = segments_.first_with_more_than(read_);
  if (!found) return false;
  reader_ = open_near(read_ + 1, *found);
  if (!reader_) {
    throw std::system_error(std::make_error_code(std::errc::io_error),
                            "the header of " + found->path.string() + " was spoilt while the spool was open");
  }
  segment_ = found->first;
  readable_bytes_ = found->bytes;
  return true;
}

// Called at the known end of the segment: finds out whether it has grown, or goes on to the next one.
bool SpoolReader::more_to_read() {
  const SegmentList::Ahead ahead = segments_.ahead(segment_, read_);
  if (ahead.bytes > readable_bytes_) {
    readable_bytes_ = ahead.bytes;
    return true;
  }
  if (!ahead.any) return false;
  if (ahead.last > read_) {
    report_gap(ahead.last + 1);
    read_ = ahead.last;
  }
  unreadable_.clear();
  reader_.reset();
  return true;
}

// This damage came after the spool was opened, or open() has already reported it. As in recovery.h, it is damage if a sequence
// is missing.
void SpoolReader::report_gap(Sequence following) {
  if (unreadable_.empty()) return;
  const std::uint64_t lost = following - read_ - 1;
  const std::filesystem::path path = folder_ / segment_name(segment_);
  for (const SegmentReader::Unreadable& bytes : unreadable_) {
    const bool known = std::any_of(known_.begin(), known_.end(), [&](const Damage& damage) {
      return damage.segment == path && damage.offset == bytes.offset;
    });
    if (lost == 0 || known) continue;
    const std::filesystem::path aside = keep_aside(path, bytes.offset, bytes.bytes);
    tell_({path, bytes.offset, bytes.bytes, &bytes == &unreadable_.front() ? lost : 0, aside,
           "spool: " + std::to_string(lost) + " records can't be read: " + std::to_string(bytes.bytes) +
               " damaged bytes at offset " + std::to_string(bytes.offset) + " of " + path.string() + ", kept in " +
               aside.string() + ". Check the disk."});
  }
  unreadable_.clear();
}

std::optional<Timestamp> received_at_of(Sequence sequence, const Segment& segment) {
  try {
    std::optional<SegmentReader> reader = open_near(sequence, segment);
    if (!reader) return std::nullopt;
    for (;;) {
      SegmentReader::Item item = reader->next(segment.bytes);
      if (std::holds_alternative<SegmentReader::End>(item)) return std::nullopt;
      if (const auto* record = std::get_if<Record>(&item); record != nullptr && record->sequence >= sequence) {
        return record->received_at;
      }
    }
  } catch (const std::system_error&) {
    return std::nullopt;  // released and removed since the list was asked
  }
}

}  // namespace hermes::spool
