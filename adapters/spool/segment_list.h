// The segments of an open spool, and how far appending, reading and releasing have come.
//
// Thread-safe. The lock is held only for moments and never during I/O, so that an append waits neither for a read nor for a
// release.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <vector>

#include "adapters/spool/segment.h"

namespace hermes::spool {

class SegmentList {
 public:
  SegmentList(std::vector<Segment> segments, Sequence last, Sequence released);

  struct Extent {
    std::uint64_t bytes = 0;  // of all segments
    Sequence last = 0;        // the highest sequence ever given
    Sequence released = 0;
  };
  Extent extent() const;
  std::uint64_t bytes() const { return extent().bytes; }
  Sequence last() const { return extent().last; }
  Sequence released() const { return extent().released; }

  // ---- appending: one thread at a time ----

  // Adds a new segment, which is from now on the one being written.
  void begin(Segment segment);
  // The segment being written got `count` more records, from `offset` on; it now ends at `end`.
  void extend(std::size_t count, std::uint64_t offset, std::uint64_t end);
  // From now on no segment is being written. An empty one is forgotten, because the next one takes its name.
  void close();
  // Whether the segment being written holds records, and all of them are released.
  bool written_one_is_released() const;

  // ---- reading ----

  std::optional<Segment> first_with_more_than(Sequence read) const;
  struct Ahead {
    std::uint64_t bytes = 0;  // of that segment; 0 when it is gone
    Sequence last = 0;        // its last record
    bool any = false;         // there is a record after `read`, in this segment or a later one
  };
  Ahead ahead(Sequence first_of_segment, Sequence read) const;

  // ---- releasing ----

  // False if it was released already.
  bool release(Sequence sequence);
  // A restart will know that it is released: only now may its segment be removed.
  void mark(Sequence sequence);
  bool any_removable() const;
  std::vector<std::filesystem::path> take_removable();

 private:
  bool front_is_removable() const;

  mutable std::mutex mutex_;
  std::deque<Segment> segments_;
  bool writing_ = false;  // the last segment is being written
  std::uint64_t bytes_ = 0;
  Sequence last_;
  Sequence released_;
  Sequence marked_;
};

}  // namespace hermes::spool
