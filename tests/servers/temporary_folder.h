// A folder of its own below the system's temporary folder, removed with everything in it when the object goes, and also when
// this process is killed (watcher.h).
#pragma once

#include <filesystem>
#include <string_view>

namespace hermes::private_servers {

class TemporaryFolder {
 public:
  // Mode 0711: other users (PostgreSQL's, when we are root) can pass through, but not look around. Throws std::system_error.
  explicit TemporaryFolder(std::string_view name = "hermes");
  ~TemporaryFolder();
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;  // empty: moved from
};

}  // namespace hermes::private_servers
