// The pieces in which a batch is tried: as a whole, and where the database refuses something of it for its data, in halves,
// down to the message that is refused. Pieces come in the batch's order, so that the order within a stream stays.
//
// Not thread-safe.
#pragma once

#include <span>
#include <vector>

namespace hermes::ingest {

template <typename T>
class Pieces {
 public:
  // Requires: the batch is not empty.
  explicit Pieces(std::span<T> batch) : left_{batch} {}

  bool empty() const { return left_.empty(); }
  // The one to try next. Requires: !empty()
  std::span<T> next() const { return left_.back(); }
  // It was taken.
  void taken() { left_.pop_back(); }
  // Its first half is the next one, its second half the one after. False for a single message, which stays.
  bool halve() {
    const std::span<T> piece = left_.back();
    if (piece.size() == 1) return false;
    left_.back() = piece.subspan(piece.size() / 2);
    left_.push_back(piece.first(piece.size() / 2));
    return true;
  }

 private:
  std::vector<std::span<T>> left_;  // the next on top
};

}  // namespace hermes::ingest
