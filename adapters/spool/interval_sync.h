// Forces what was written to the disk at intervals, from a thread of its own (Fsync::interval). Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "adapters/spool/file.h"

namespace hermes::spool {

class IntervalSync {
 public:
  // `warn` is told of a sync that failed.
  IntervalSync(std::chrono::milliseconds interval, std::function<void(const std::string& line)> warn);
  ~IntervalSync();  // syncs once more

  // Something was appended to the file.
  void add(std::shared_ptr<const File> file);

  // What failed since the last call, and empty otherwise: the kernel tells a failed write-back once.
  std::string take_failure();

 private:
  void run(const std::stop_token& stop);
  void sync();

  const std::chrono::milliseconds interval_;
  const std::function<void(const std::string&)> warn_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<const File>> dirty_;
  std::string failure_;
  std::mutex waiting_;
  std::jthread thread_;
};

}  // namespace hermes::spool
