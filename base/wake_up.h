// Wakes a thread that waits in poll(): an eventfd. Any thread may call `set`.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace hermes {

class WakeUp {
 public:
  WakeUp() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
  }
  ~WakeUp() { ::close(descriptor_); }
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  int descriptor() const { return descriptor_; }  // readable once set, until cleared
  // EAGAIN means that the counter is full: the thread will wake anyway.
  void set() {
    const std::uint64_t one = 1;
    if (::write(descriptor_, &one, sizeof one) < 0 && errno != EAGAIN)
      throw std::system_error(errno, std::generic_category(), "cannot write to an eventfd");
  }
  void clear() {
    std::uint64_t count = 0;
    if (::read(descriptor_, &count, sizeof count) < 0 && errno != EAGAIN)
      throw std::system_error(errno, std::generic_category(), "cannot read from an eventfd");
  }

 private:
  int descriptor_;
};

}  // namespace hermes
