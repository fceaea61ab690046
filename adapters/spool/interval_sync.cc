#include "adapters/spool/interval_sync.h"

#include <condition_variable>
#include <system_error>
#include <utility>

namespace hermes::spool {

IntervalSync::IntervalSync(std::chrono::milliseconds interval, std::function<void(const std::string&)> warn)
    : interval_(interval), warn_(std::move(warn)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

IntervalSync::~IntervalSync() {
  thread_.request_stop();
  thread_.join();
  sync();
}

void IntervalSync::add(std::shared_ptr<const File> file) {
  const std::lock_guard lock(mutex_);
  if (dirty_.empty() || dirty_.back() != file) dirty_.push_back(std::move(file));
}

std::string IntervalSync::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, {});
}

void IntervalSync::run(const std::stop_token& stop) {
  std::unique_lock waiting(waiting_);
  std::condition_variable_any stopped;
  while (!stopped.wait_for(waiting, stop, interval_, [&] { return stop.stop_requested(); })) sync();
}

void IntervalSync::sync() {
  std::vector<std::shared_ptr<const File>> dirty;
  {
    const std::lock_guard lock(mutex_);
    dirty.swap(dirty_);
  }
  for (const std::shared_ptr<const File>& file : dirty) {
    try {
      file->sync();
    } catch (const std::system_error& error) {
      const std::string line =
          std::string("spool: ") + error.what() + ": records of the last interval would not survive a power loss";
      warn_(line);
      const std::lock_guard lock(mutex_);
      failure_ = line;
    }
  }
}

}  // namespace hermes::spool
