// Reads the records of an open spool in order, skipping damage, while other threads append and release.
//
// Not thread-safe: one thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "adapters/spool/segment_list.h"
#include "adapters/spool/segment_reader.h"
#include "adapters/spool/spool.h"

namespace hermes::spool {

class SpoolReader {
 public:
  // Begins after the released records. `known`: damage that was already reported; `tell` is called for any other. Requires:
  // both references outlive this.
  SpoolReader(std::filesystem::path folder, const SegmentList& segments, const std::vector<Damage>& known,
              std::function<void(const Damage&)> tell);

  // Like Spool::next().
  std::optional<Record> next();

 private:
  bool open_next_segment();
  bool more_to_read();
  void report_gap(Sequence following);

  const std::filesystem::path folder_;
  const SegmentList& segments_;
  const std::vector<Damage>& known_;
  const std::function<void(const Damage&)> tell_;

  std::optional<SegmentReader> reader_;
  std::vector<SegmentReader::Unreadable> unreadable_;  // found, until the next record shows whether anything is missing
  Sequence segment_ = 0;                               // the first record of the segment being read
  std::uint64_t readable_bytes_ = 0;                   // of that segment
  Sequence read_;
};

// When that record arrived. Nothing if it can't be found, for example because it was released meanwhile.
std::optional<Timestamp> received_at_of(Sequence sequence, const Segment& segment);

}  // namespace hermes::spool
