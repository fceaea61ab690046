#include "adapters/spool/recovery.h"

#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace hermes::spool {
namespace {

namespace fs = std::filesystem;

std::string sequences(Sequence first, Sequence last) {
  return first == last ? "record " + std::to_string(first) : "records " + std::to_string(first) + " to " + std::to_string(last);
}

class Scan {
 public:
  explicit Scan(Sequence released) : released_(released), previous_(released) { result_.last = released; }

  void read(Segment segment) {
    const std::uint64_t file_bytes = fs::file_size(segment.path);
    std::optional<SegmentReader> reader = SegmentReader::open(segment);
    if (!reader || reader->header().first_sequence != segment.first) {
      // The header is written before the first record: a file no longer than a header holds no record.
      pending_.push_back({segment.path, {0, file_bytes, true, file_bytes <= kSegmentHeaderBytes}});
      return;
    }
    // A segment begins only after all records before its first one were written. So its name shows whether records are missing
    // before it.
    judge_what_is_before(segment.first, segment.path);
    segment.last = segment.first - 1;
    segment.bytes = kSegmentHeaderBytes;
    for (;;) {
      const std::uint64_t offset = reader->offset();
      SegmentReader::Item item = reader->next(file_bytes);
      if (std::holds_alternative<SegmentReader::End>(item)) break;
      if (const auto* unreadable = std::get_if<SegmentReader::Unreadable>(&item)) {
        pending_.push_back({segment.path, *unreadable});
      } else {
        take(std::get<Record>(item), segment);
        if (segment.landmarks.empty() || segment.last >= segment.landmarks.back().sequence + kLandmarkEvery) {
          segment.landmarks.push_back({segment.last, offset});
        }
        segment.bytes = reader->offset();
      }
    }
    if (segment.last >= segment.first && segment.last > released_) {
      result_.segments.push_back(std::move(segment));
    } else if (pending_.empty() || pending_.back().segment != segment.path) {
      fs::remove(segment.path);
    }
  }

  Recovery finish() && {
    for (const Pending& pending : pending_) {
      if (pending.unreadable.incomplete) {
        cut(pending);
      } else {
        set_aside(pending, 0, "the end of the spool can't be read; it may have held records");
      }
    }
    return std::move(result_);
  }

 private:
  // Unreadable bytes, until the next record shows whether any record is missing.
  struct Pending {
    fs::path segment;
    SegmentReader::Unreadable unreadable;
  };

  void take(const Record& record, Segment& segment) {
    judge_what_is_before(record.sequence, segment.path);
    previous_ = std::max(previous_, record.sequence);
    result_.last = previous_;
    result_.latest_arrival = std::max(result_.latest_arrival, record.received_at);
    if (record.sequence > released_) ++result_.report.records;
    segment.last = record.sequence;
  }

  // `next` is the record that comes next, in `segment`.
  void judge_what_is_before(Sequence next, const fs::path& segment) {
    const Sequence lost = next > previous_ + 1 ? next - previous_ - 1 : 0;
    const std::string what = lost > 0 ? sequences(previous_ + 1, next - 1) : std::string();
    if (lost > 0 && pending_.empty()) {
      result_.report.damaged.push_back({segment,
                                        0,
                                        0,
                                        lost,
                                        {},
                                        "spool: " + what + " are missing before " + segment.string() +
                                            ": a segment file was removed by someone else, or a power loss took them."});
    }
    for (const Pending& pending : pending_) {
      if (lost == 0) {
        cut(pending);
      } else {
        // The gap is counted once, with its first place.
        set_aside(pending, &pending == &pending_.front() ? lost : 0, what + " can't be read");
      }
    }
    pending_.clear();
    previous_ = std::max(previous_, next - 1);
    result_.last = previous_;
  }

  // For bytes with which no record was lost.
  void cut(const Pending& pending) {
    result_.report.torn_bytes_cut += pending.unreadable.bytes;
    remove_from_segment(pending);
  }

  void set_aside(const Pending& pending, std::uint64_t records_lost, const std::string& what) {
    const SegmentReader::Unreadable& bytes = pending.unreadable;
    Damage damage{
        pending.segment, bytes.offset, bytes.bytes, records_lost, keep_aside(pending.segment, bytes.offset, bytes.bytes), {}};
    damage.message = "spool: " + what + ": " + std::to_string(bytes.bytes) + " damaged bytes at offset " +
                     std::to_string(bytes.offset) + " of " + pending.segment.string() + ", kept in " +
                     damage.kept_aside.string() + ". Check the disk.";
    result_.report.damaged.push_back(std::move(damage));
    remove_from_segment(pending);
  }

  // Bytes at the end are cut off, so that they are judged only once. Bytes in the middle stay.
  static void remove_from_segment(const Pending& pending) {
    if (!pending.unreadable.at_end) return;
    if (pending.unreadable.offset <= kSegmentHeaderBytes) {
      fs::remove(pending.segment);
      return;
    }
    const File file(pending.segment, O_RDWR);
    file.truncate(pending.unreadable.offset);
    file.sync();
  }

  const Sequence released_;
  Sequence previous_;
  std::vector<Pending> pending_;
  Recovery result_;
};

}  // namespace

std::vector<Segment> list_segments(const fs::path& folder) {
  std::vector<Segment> segments;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::optional<Sequence> first = sequence_of_segment(entry.path().filename().string());
    if (!first) continue;
    Segment segment;
    segment.path = entry.path();
    segment.first = *first;
    segments.push_back(std::move(segment));
  }
  std::sort(segments.begin(), segments.end(), [](const Segment& a, const Segment& b) { return a.first < b.first; });
  Sequence before = kNoNext;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    segment->before = before;
    // A file shorter than a header was never used: a kill left it.
    if (fs::file_size(segment->path) >= kSegmentHeaderBytes) before = segment->first;
  }
  return segments;
}

fs::path keep_aside(const fs::path& segment, std::uint64_t offset, std::uint64_t bytes) {
  fs::path aside = segment;
  aside.replace_extension("." + std::to_string(offset) + ".damaged");
  const File from(segment, O_RDONLY);
  const File to(aside, O_RDWR | O_CREAT);
  if (to.size() == bytes) return aside;
  // In pieces: a damaged segment is up to its whole size.
  std::string piece(std::min<std::uint64_t>(bytes, 1 << 20), '\0');
  for (std::uint64_t done = 0; done < bytes; done += piece.size()) {
    piece.resize(from.read_at(offset + done, piece.data(), std::min<std::uint64_t>(piece.size(), bytes - done)));
    if (piece.empty()) break;
    to.write_at(done, piece);
  }
  to.sync();
  return aside;
}

Recovery recover(const fs::path& folder, Sequence released) {
  std::vector<Segment> segments = list_segments(folder);
  Scan scan(released);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    // All its records are released if the next segment begins at or before the first unreleased record.
    if (i + 1 < segments.size() && segments[i + 1].first <= released + 1) {
      fs::remove(segments[i].path);
    } else {
      scan.read(std::move(segments[i]));
    }
  }
  return std::move(scan).finish();
}

}  // namespace hermes::spool
