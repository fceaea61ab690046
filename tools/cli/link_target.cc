#include "tools/cli/link_target.h"

#include <filesystem>

#include "tools/cli/command_error.h"

namespace hermes::tools {

namespace fs = std::filesystem;

std::string link_target(const std::string& path) {
  constexpr int kLinksMax = 40;  // as the kernel's own limit
  fs::path target = path;
  std::error_code error;
  for (int links = 0; fs::is_symlink(fs::symlink_status(target, error)); ++links) {
    const fs::path next = fs::read_symlink(target, error);
    if (error || links == kLinksMax) throw CommandError(kFoundProblem, "cannot follow the link " + path);
    target = next.is_absolute() ? next : target.parent_path() / next;
  }
  return target.string();
}

bool is_written_in_place(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

}  // namespace hermes::tools
