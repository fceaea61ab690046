// The headers' checking variants would be functions of the same names.
#undef _FORTIFY_SOURCE
#include "tests/support/faults/failing_calls.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <utility>

namespace hermes::test_support {

struct FailingCalls::State {
  Plan plan;
  unsigned calls = 0;
};

namespace {

thread_local FailingCalls::State* armed = nullptr;

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string file_of(int descriptor) {
  char path[PATH_MAX];
  const ssize_t bytes = ::readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), path, sizeof path);
  return bytes > 0 ? last_part(std::string(path, static_cast<std::size_t>(bytes))) : "";
}
std::string file_of(const char* path) { return last_part(path); }

template <typename File>
Fate fate_of(const char* name, File file) {
  if (armed == nullptr) return Fate::succeeds;
  return armed->plan.fate({armed->calls++, name, armed->plan.wants_files ? file_of(file) : ""});
}

int failure() {
  errno = EIO;
  return -1;
}

int sync(const char* name, long number, int descriptor) {
  if (fate_of(name, descriptor) == Fate::fails) return failure();
  return armed != nullptr ? 0 : static_cast<int>(::syscall(number, descriptor));
}

}  // namespace

FailingCalls::FailingCalls(Plan plan) : state_(new State{std::move(plan)}) { armed = state_; }
FailingCalls::~FailingCalls() {
  armed = nullptr;
  delete state_;
}
unsigned FailingCalls::calls() const { return state_->calls; }

}  // namespace hermes::test_support

namespace ht = hermes::test_support;

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, int) : 0;
  va_end(arguments);
  if (ht::fate_of("open", path) == ht::Fate::fails) return ht::failure();
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

// What a library calls that was built for large files on any machine, as SQLite is.
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, int) : 0;
  va_end(arguments);
  return ::open(path, flags, mode);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  if (ht::fate_of("pwrite", descriptor) == ht::Fate::fails) {
    const auto part = static_cast<size_t>(static_cast<double>(count) * ht::armed->plan.written_of_failed);
    if (part > 0) ::syscall(SYS_pwrite64, descriptor, bytes, part, offset);
    return ht::failure();
  }
  return ::syscall(SYS_pwrite64, descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t offset) {
  return ::pwrite(descriptor, bytes, count, offset);
}

int ftruncate(int descriptor, off_t length) noexcept {
  const ht::Fate fate = ht::fate_of("ftruncate", descriptor);
  if (fate == ht::Fate::fails) return ht::failure();
  if (fate == ht::Fate::lies) return 0;
  return static_cast<int>(::syscall(SYS_ftruncate, descriptor, length));
}

int ftruncate64(int descriptor, off64_t length) noexcept { return ::ftruncate(descriptor, length); }

int fdatasync(int descriptor) { return ht::sync("fdatasync", SYS_fdatasync, descriptor); }
int fsync(int descriptor) { return ht::sync("fsync", SYS_fsync, descriptor); }

int remove(const char* path) noexcept {
  if (ht::fate_of("remove", path) == ht::Fate::fails) return ht::failure();
  if (::syscall(SYS_unlinkat, AT_FDCWD, path, 0) == 0) return 0;
  return errno == EISDIR ? static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR)) : -1;
}

}  // extern "C"
