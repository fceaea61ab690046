// Loaded into a program by LD_PRELOAD: writes down, in the order in which they happen, the calls by which the
// program changes files below the folder of HERMES_TEST_CALLS and forces them to the disk, and what it sends to the port of
// HERMES_TEST_CALLS_PORT (recorded_calls.h).
//
// A line is written before a call that could be seen by others (send, rename, remove), and after one that forces (fdatasync,
// fsync): what stands before another line has happened before it.
#undef _FORTIFY_SOURCE  // the headers' checking variants would be functions of the same names
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

struct Log {
  int file = -1;
  std::string name;
  std::string folder;
  int port = 0;
};

const Log& the_log() {
  static const Log log = [] {
    Log made;
    const char* name = std::getenv("HERMES_TEST_CALLS");
    if (name == nullptr) return made;
    made.name = name;
    made.folder = made.name.substr(0, made.name.rfind('/') + 1);
    made.file = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
    if (const char* port = std::getenv("HERMES_TEST_CALLS_PORT")) made.port = std::atoi(port);
    return made;
  }();
  return log;
}

void note(std::string_view call, std::string_view path) {
  const Log& log = the_log();
  if (log.file < 0 || !path.starts_with(log.folder) || path == log.name) return;
  const std::string line = std::string(call) + ' ' + std::string(path.substr(log.folder.size())) + '\n';
  ::syscall(SYS_write, log.file, line.data(), line.size());
}

void note(std::string_view call, int descriptor) {
  if (the_log().file < 0) return;
  char path[PATH_MAX];
  const ssize_t bytes = ::readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), path, sizeof path);
  if (bytes > 0) note(call, std::string_view(path, static_cast<std::size_t>(bytes)));
}

void note_send(int descriptor) {
  const Log& log = the_log();
  if (log.file < 0 || log.port == 0) return;
  sockaddr_storage peer{};
  socklen_t bytes = sizeof peer;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &bytes) != 0) return;
  const in_port_t port = peer.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(peer).sin_port
                                                   : reinterpret_cast<sockaddr_in6&>(peer).sin6_port;
  if (ntohs(port) == log.port) ::syscall(SYS_write, log.file, "send\n", 5);
}

template <typename Return>
Return told(long result) {
  return static_cast<Return>(result);
}

}  // namespace

extern "C" {

ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  note("write", descriptor);
  return told<ssize_t>(::syscall(SYS_pwrite64, descriptor, bytes, count, offset));
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t offset) {
  return pwrite(descriptor, bytes, count, offset);
}
ssize_t write(int descriptor, const void* bytes, size_t count) {
  note("write", descriptor);
  return told<ssize_t>(::syscall(SYS_write, descriptor, bytes, count));
}
int ftruncate(int descriptor, off_t length) noexcept {
  note("truncate", descriptor);
  return told<int>(::syscall(SYS_ftruncate, descriptor, length));
}
int ftruncate64(int descriptor, off64_t length) noexcept { return ftruncate(descriptor, length); }
int fdatasync(int descriptor) {
  const int result = told<int>(::syscall(SYS_fdatasync, descriptor));
  note("sync", descriptor);
  return result;
}
int fsync(int descriptor) {
  const int result = told<int>(::syscall(SYS_fsync, descriptor));
  note("sync", descriptor);
  return result;
}
int rename(const char* from, const char* to) noexcept {
  note("rename-to", to);
  return told<int>(::syscall(SYS_rename, from, to));
}
int remove(const char* path) noexcept {
  note("remove", path);
  const long result = ::syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  return told<int>(result == 0 ? result : ::syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
}
int unlink(const char* path) noexcept { return remove(path); }
ssize_t send(int descriptor, const void* bytes, size_t count, int flags) {
  note_send(descriptor);
  return told<ssize_t>(::syscall(SYS_sendto, descriptor, bytes, count, flags, nullptr, 0));
}

}  // extern "C"
