// What is known of a segment file without reading it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <vector>

#include "adapters/spool/spool.h"

namespace hermes::spool {

// Where a record begins. Every kLandmarkEvery-th one is remembered, so that a record is found without reading its whole
// segment.
struct Landmark {
  Sequence sequence = 0;
  std::uint64_t offset = 0;
};
inline constexpr std::uint64_t kLandmarkEvery = 1024;

// No segment follows.
inline constexpr Sequence kNoNext = std::numeric_limits<Sequence>::max();

struct Segment {
  std::filesystem::path path;
  Sequence first = 0;
  Sequence last = 0;          // first - 1: empty
  Sequence before = kNoNext;  // the first of the next segment: frames from there on are the rest of a failed write
  std::uint64_t bytes = 0;    // up to the end of its last record
  std::vector<Landmark> landmarks;
};

}  // namespace hermes::spool
