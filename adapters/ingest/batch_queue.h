// A bounded queue that gives out batches: what waits between the router and a worker. Bounded by count and by bytes, so that
// memory is bounded whatever the size of the messages. One consumer; any number of producers. Thread-safe.
#pragma once

#include <algorithm>
#include <boost/circular_buffer.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace hermes::ingest {

struct BatchQueueLimits {
  std::size_t items;
  std::size_t bytes;
  std::size_t batch_items;
  std::size_t batch_bytes;
};

// Clock: for tests, which do not wait for real time to pass.
template <class T, class Clock = std::chrono::steady_clock>
class BatchQueue {
 public:
  // Requires: limits.items >= limits.batch_items.
  explicit BatchQueue(BatchQueueLimits limits) : limits_(limits) {}

  // Waits while the queue is full (an item larger than the limit gets in when the queue is empty). Returns false, without
  // taking the item, once the queue is closed.
  bool push(T&& item, std::size_t bytes) {
    std::unique_lock lock(mutex_);
    has_room_.wait(
        lock, [&] { return closed_ || items_.empty() || (items_.size() < limits_.items && bytes_ + bytes <= limits_.bytes); });
    if (closed_) return false;
    items_.push_back({std::move(item), bytes, Clock::now()});
    bytes_ += bytes;
    // The consumer sleeps for the first item, and then for a full batch: only these two wake it.
    if (items_.size() == 1 || batch_is_full()) has_items_.notify_one();
    return true;
  }

  // Waits up to `patience` for a first item, and then for a full batch until the first item is `linger` old: what came while
  // the consumer was at work has waited already. An empty batch means that nothing came. A closed queue gives what is left
  // without waiting.
  std::vector<T> pop(std::chrono::milliseconds patience, std::chrono::milliseconds linger) {
    std::unique_lock lock(mutex_);
    if (!has_items_.wait_for(lock, patience, [&] { return closed_ || !items_.empty(); })) return {};
    if (!batch_is_full()) {
      has_items_.wait_until(lock, items_.front().arrived_at + linger, [&] { return closed_ || batch_is_full(); });
    }
    std::vector<T> batch;
    batch.reserve(std::min(items_.size(), limits_.batch_items));
    std::size_t batch_bytes = 0;
    while (!items_.empty() && batch.size() < limits_.batch_items) {
      auto& [item, bytes, arrived_at] = items_.front();
      if (!batch.empty() && batch_bytes + bytes > limits_.batch_bytes) break;
      batch_bytes += bytes;
      bytes_ -= bytes;
      batch.push_back(std::move(item));
      items_.pop_front();
    }
    has_room_.notify_all();
    return batch;
  }

  // No more pushes; the consumer gets what is left.
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    has_items_.notify_all();
    has_room_.notify_all();
  }

  bool drained() const {
    std::lock_guard lock(mutex_);
    return closed_ && items_.empty();
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  struct Entry {
    T item;
    std::size_t bytes;
    typename Clock::time_point arrived_at;
  };
  bool batch_is_full() const { return items_.size() >= limits_.batch_items || bytes_ >= limits_.batch_bytes; }

  const BatchQueueLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable has_items_;
  std::condition_variable has_room_;
  boost::circular_buffer<Entry> items_{limits_.items};  // a deque would ask for memory for every message of this size
  std::size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace hermes::ingest
