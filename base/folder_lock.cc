#include "base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace hermes {
namespace {

constexpr std::chrono::milliseconds kPoll{10};

std::string holder(int descriptor) {
  char text[32] = {};
  const ssize_t got = ::pread(descriptor, text, sizeof text - 1, 0);
  return got > 0 ? "process " + std::string(text, static_cast<std::size_t>(got)) : "another process";
}

Failure<FolderLock::Refused> failure(const char* what, const std::filesystem::path& file) {
  return fail(FolderLock::Refused{false, std::string("cannot ") + what + " " + file.string() + ": " + std::strerror(errno)});
}

}  // namespace

Result<FolderLock, FolderLock::Refused> FolderLock::take(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "lock";
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return failure("open", file);
  FolderLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failure("lock", file);
    return fail(Refused{true, holder(descriptor) + " holds " + folder.string()});
  }
  // For people who find the lock held; the lock itself does not depend on it.
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, pid.data(), pid.size(), 0) < 0) return failure("write", file);
  return lock;
}

Result<FolderLock, FolderLock::Refused> FolderLock::wait_for(const std::filesystem::path& folder,
                                                             std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto lock = take(folder);
    if (lock || !lock.error().held_by_another || std::chrono::steady_clock::now() >= deadline) return lock;
    std::this_thread::sleep_for(kPoll);
  }
}

FolderLock::FolderLock(FolderLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace hermes
