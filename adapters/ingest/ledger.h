// Which of the spool's records are done with. Workers finish them in any order; the spool can only let go of a prefix.
// Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>

#include "adapters/spool/spool.h"

namespace hermes::ingest {

class Ledger {
 public:
  // Requires: sequences are begun in ascending order without a gap.
  void begin(spool::Sequence sequence);

  // Marks them done. Returns the highest sequence such that it and all before it are done, if that has moved.
  std::optional<spool::Sequence> finish(std::span<const spool::Sequence> sequences);

  std::size_t under_way() const;

 private:
  mutable std::mutex mutex_;
  spool::Sequence first_ = 0;  // of done_.front()
  std::deque<bool> done_;
  std::size_t unfinished_ = 0;
};

}  // namespace hermes::ingest
