// A small file system in memory, to be filled. Needs root, and mounting to be allowed: otherwise it is a folder, and the test
// is skipped. In a TemporaryFolder it is gone with the test even when that is killed.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>

namespace hermes::test_support {

class SmallDisk {
 public:
  SmallDisk(std::filesystem::path where, std::size_t bytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  const std::filesystem::path& path() const { return where_; }

  // Throw std::system_error. Require: mounted().
  void grow_to(std::size_t bytes);
  void give_to(uid_t user, gid_t group);  // theirs alone

 private:
  std::filesystem::path where_;
  bool mounted_ = false;
};

}  // namespace hermes::test_support
