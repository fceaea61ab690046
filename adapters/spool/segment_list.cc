#include "adapters/spool/segment_list.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace hermes::spool {

SegmentList::SegmentList(std::vector<Segment> segments, Sequence last, Sequence released)
    : segments_(std::make_move_iterator(segments.begin()), std::make_move_iterator(segments.end())),
      last_(last),
      released_(released),
      marked_(released) {
  for (const Segment& segment : segments_) bytes_ += segment.bytes;
}

SegmentList::Extent SegmentList::extent() const {
  const std::lock_guard lock(mutex_);
  return {bytes_, last_, released_};
}

void SegmentList::begin(Segment segment) {
  const std::lock_guard lock(mutex_);
  bytes_ += segment.bytes;
  segments_.push_back(std::move(segment));
  writing_ = true;
}

void SegmentList::extend(std::size_t count, std::uint64_t offset, std::uint64_t end) {
  const std::lock_guard lock(mutex_);
  Segment& segment = segments_.back();
  const Sequence first = last_ + 1;
  if (segment.landmarks.empty() || first >= segment.landmarks.back().sequence + kLandmarkEvery) {
    segment.landmarks.push_back({first, offset});
  }
  bytes_ += end - segment.bytes;
  segment.bytes = end;
  last_ += count;
  segment.last = last_;
}

void SegmentList::close() {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (segments_.back().last < segments_.back().first) {
    bytes_ -= segments_.back().bytes;
    segments_.pop_back();
  }
}

bool SegmentList::written_one_is_released() const {
  const std::lock_guard lock(mutex_);
  return writing_ && segments_.back().last <= marked_ && segments_.back().last >= segments_.back().first;
}

std::optional<Segment> SegmentList::first_with_more_than(Sequence read) const {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(segments_.begin(), segments_.end(), [&](const Segment& segment) { return segment.last > read; });
  return found != segments_.end() ? std::optional(*found) : std::nullopt;
}

SegmentList::Ahead SegmentList::ahead(Sequence first_of_segment, Sequence read) const {
  const std::lock_guard lock(mutex_);
  Ahead ahead;
  for (const Segment& segment : segments_) {
    if (segment.first != first_of_segment) continue;
    ahead.bytes = segment.bytes;
    ahead.last = segment.last;
  }
  ahead.any = !segments_.empty() && segments_.back().last > read;
  return ahead;
}

bool SegmentList::release(Sequence sequence) {
  const std::lock_guard lock(mutex_);
  if (sequence <= released_) return false;
  released_ = sequence;
  return true;
}

void SegmentList::mark(Sequence sequence) {
  const std::lock_guard lock(mutex_);
  marked_ = sequence;
}

bool SegmentList::any_removable() const {
  const std::lock_guard lock(mutex_);
  return front_is_removable();
}

std::vector<std::filesystem::path> SegmentList::take_removable() {
  const std::lock_guard lock(mutex_);
  std::vector<std::filesystem::path> paths;
  while (front_is_removable()) {
    paths.push_back(std::move(segments_.front().path));
    bytes_ -= segments_.front().bytes;
    segments_.pop_front();
  }
  return paths;
}

bool SegmentList::front_is_removable() const {
  const bool writing_it = segments_.size() == 1 && writing_;
  return !segments_.empty() && segments_.front().last <= marked_ && !writing_it;
}

}  // namespace hermes::spool
