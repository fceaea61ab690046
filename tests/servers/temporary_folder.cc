#include "tests/servers/temporary_folder.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "tests/servers/watcher.h"

namespace hermes::private_servers {

TemporaryFolder::TemporaryFolder(std::string_view name) {
  std::string pattern = (std::filesystem::temp_directory_path() / name).string() + ".XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr || chmod(pattern.c_str(), 0711) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot make a temporary folder " + pattern);
  }
  path_ = pattern;
  Watcher::of_this_process().remove_folder_in_the_end(path_);
}

TemporaryFolder::~TemporaryFolder() {
  if (path_.empty()) return;
  std::error_code left_to_the_watcher;  // a file that is still being written: the watcher tries again when this process ends
  std::filesystem::remove_all(path_, left_to_the_watcher);
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

}  // namespace hermes::private_servers
