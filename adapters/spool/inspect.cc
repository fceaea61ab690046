#include <system_error>

#include "adapters/spool/recovery.h"
#include "adapters/spool/released_mark.h"
#include "adapters/spool/segment_reader.h"
#include "adapters/spool/spool.h"

namespace hermes::spool {
namespace {

// The first record of a segment from `sequence` on; the last record when there is none.
std::optional<Record> find_record(const Segment& segment, Sequence sequence) {
  std::optional<SegmentReader> reader = SegmentReader::open(segment);
  std::optional<Record> found;
  while (reader) {
    SegmentReader::Item item = reader->next(segment.bytes);
    if (std::holds_alternative<SegmentReader::End>(item)) break;
    if (auto* record = std::get_if<Record>(&item)) {
      found = std::move(*record);
      if (found->sequence >= sequence) break;
    }
  }
  return found;
}

}  // namespace

std::optional<Spool::Statistics> inspect(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) return std::nullopt;
  // The process that holds the folder may remove a segment between two steps; then the folder is inspected again.
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    try {
      Spool::Statistics statistics;
      const Sequence released = ReleasedMark::read(folder);
      std::vector<Segment> segments = list_segments(folder);
      const Segment* oldest = nullptr;
      for (Segment& segment : segments) {
        segment.bytes = std::filesystem::file_size(segment.path);
        statistics.bytes += segment.bytes;
        if (oldest == nullptr || segment.first <= released + 1) oldest = &segment;
      }
      if (oldest == nullptr) return statistics;
      const std::optional<Record> first = find_record(*oldest, released + 1);
      if (first && first->sequence > released) statistics.oldest = first->received_at;
      const std::optional<Record> last = find_record(segments.back(), ~Sequence{0});
      const Sequence newest = last ? last->sequence : segments.back().first - 1;
      statistics.records = newest > released ? newest - released : 0;
      return statistics;
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::no_such_file_or_directory) throw;
    }
  }
  return std::nullopt;
}

}  // namespace hermes::spool
