// Flushes written data to disk at intervals, on a thread of its own (Fsync::interval). Thread-safe.
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
  // `warn` is called when a sync fails.
  IntervalSync(std::chrono::milliseconds interval, std::function<void(const std::string& line)> warn);
  ~IntervalSync();  // syncs once more

  // Something was appended to the file.
  void add(std::shared_ptr<const File> file);

  // The failure since the last call, or empty: the kernel reports a failed write-back only once.
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
