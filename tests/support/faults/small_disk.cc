#include "tests/support/faults/small_disk.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace hermes::test_support {
namespace {

bool mount(const std::filesystem::path& where, std::size_t bytes, unsigned long flags) {
  const std::string size = "size=" + std::to_string(bytes);
  return ::mount("tmpfs", where.c_str(), "tmpfs", flags, size.c_str()) == 0;
}

void require(bool done, const std::filesystem::path& where) {
  if (!done) throw std::system_error(errno, std::generic_category(), where);
}

}  // namespace

SmallDisk::SmallDisk(std::filesystem::path where, std::size_t bytes) : where_(std::move(where)) {
  std::filesystem::create_directories(where_);
  mounted_ = ::geteuid() == 0 && mount(where_, bytes, 0);
}

SmallDisk::~SmallDisk() {
  if (mounted_) ::umount2(where_.c_str(), MNT_DETACH);
}

void SmallDisk::grow_to(std::size_t bytes) { require(mount(where_, bytes, MS_REMOUNT), where_); }

void SmallDisk::give_to(uid_t user, gid_t group) {
  require(::chown(where_.c_str(), user, group) == 0 && ::chmod(where_.c_str(), 0700) == 0, where_);
}

}  // namespace hermes::test_support
