#include "tests/support/faults/shifted_clock.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>

namespace hermes::test_support {

ShiftedClock::ShiftedClock() {
  // PostgreSQL runs as another user, who may not reach the build folder.
  namespace fs = std::filesystem;
  fs::permissions(folder_.path(), fs::perms::owner_all | fs::perms::others_exec, fs::perm_options::add);
  fs::copy_file(HERMES_CLOCK_LIBRARY, folder_ / "clock.so");
  set_ahead(std::chrono::seconds(0));
  for (const char* file : {"clock.so", "ahead"}) {
    fs::permissions(folder_ / file, fs::perms::others_read, fs::perm_options::add);
  }
  ::setenv("HERMES_TEST_CLOCK", (folder_ / "ahead").c_str(), 1);
  ::setenv("LD_PRELOAD", (folder_ / "clock.so").c_str(), 1);
}

ShiftedClock::~ShiftedClock() {
  ::unsetenv("LD_PRELOAD");
  ::unsetenv("HERMES_TEST_CLOCK");
}

// The processes have the file mapped: it is written over, never made anew.
void ShiftedClock::set_ahead(std::chrono::seconds by) {
  const std::int64_t seconds = by.count();
  std::fstream file(folder_ / "ahead", std::ios::binary | std::ios::in | std::ios::out);
  if (!file) file.open(folder_ / "ahead", std::ios::binary | std::ios::out);
  file.write(reinterpret_cast<const char*>(&seconds), sizeof(seconds));
}

}  // namespace hermes::test_support
