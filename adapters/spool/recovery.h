// Finds out what a folder holds when it is opened: reads every segment through once.
//
// Bytes without a readable record are judged by the sequences around them. If no sequence is missing, a write failed or was cut
// short before its append returned; nothing is lost. A gap means damage, which is reported and kept aside, never dropped
// silently. At the very end of the spool there is nothing to compare with: a frame that just stops is a write cut short;
// anything else (a wrong CRC, zeros after a power loss) may have been a record that was acknowledged, and counts as damage.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "adapters/spool/segment.h"
#include "adapters/spool/segment_reader.h"
#include "adapters/spool/spool.h"

namespace hermes::spool {

struct Recovery {
  std::vector<Segment> segments;                // in the order of their sequences; each holds a record that is not released
  Sequence last = 0;                            // the highest sequence ever given out, as far as the folder shows
  Timestamp latest_arrival = Timestamp::min();  // of the records that were read
  Spool::Recovered report;
};

// Removes released segments and cuts off torn records. Throws std::system_error when the disk refuses. Requires: the folder is
// locked.
Recovery recover(const std::filesystem::path& folder, Sequence released);

// Copies bytes of a segment to a separate file beside it, and returns its path. A second call for the same bytes finds that
// file. Throws std::system_error.
std::filesystem::path keep_aside(const std::filesystem::path& segment, std::uint64_t offset, std::uint64_t bytes);

// The segment files of a folder, in the order of their sequences.
std::vector<Segment> list_segments(const std::filesystem::path& folder);

}  // namespace hermes::spool
