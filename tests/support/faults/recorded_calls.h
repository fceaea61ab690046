// Which files a program writes, forces to the disk, renames and removes, and in which order: what no test of its results can
// see, for only a power loss would show it. (A library between the program and libc, recorded_calls_preload.cc; a test that
// uses this links hermes::recorded_calls.)
//
//   write spool/00000000000000000001.seg · sync … · truncate … · rename-to … · remove … · send (to the port)
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/servers.h"

namespace hermes::test_support {

class RecordedCalls {
 public:
  // Of what changes below `folder`: its calls are recorded in a file there.
  explicit RecordedCalls(std::filesystem::path folder);

  // For a program that is to be recorded. `port`: what it sends there is recorded, too.
  Environment environment(int port = 0) const;

  // So far, in order. `containing`: only those that name it; and sends.
  std::vector<std::string> all(const std::string& containing = "") const;

 private:
  std::filesystem::path file_;
};

}  // namespace hermes::test_support
