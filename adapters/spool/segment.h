// What is known of a segment file without reading it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "adapters/spool/spool.h"

namespace hermes::spool {

// Where a record begins. Every kLandmarkEvery-th is remembered, so that one record is found without reading its segment.
struct Landmark {
  Sequence sequence = 0;
  std::uint64_t offset = 0;
};
inline constexpr std::uint64_t kLandmarkEvery = 1024;

struct Segment {
  std::filesystem::path path;
  Sequence first = 0;
  Sequence last = 0;        // first - 1: empty
  std::uint64_t bytes = 0;  // up to the end of its last record
  std::vector<Landmark> landmarks;
};

}  // namespace hermes::spool
