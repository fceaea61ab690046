#include "adapters/spool/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace hermes::spool {

Result<FolderLock, OpenError> FolderLock::take(const std::filesystem::path& folder) {
  File file(folder / "lock", O_RDWR | O_CREAT);
  if (::flock(file.descriptor(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      throw std::system_error(errno, std::generic_category(), "cannot lock " + file.path().string());
    }
    char text[32] = {};
    const std::size_t length = file.read_at(0, text, sizeof text - 1);
    const std::string holder = length > 0 ? "process " + std::string(text, length) : std::string("another process");
    return fail(OpenError{"the spool folder " + folder.string() + " is in use by " + holder +
                          ". Stop it, or give each ingester a folder of its own."});
  }
  // For the message above only; the lock itself does not depend on it.
  file.truncate(0);
  file.write_at(0, std::to_string(::getpid()));
  return FolderLock(std::move(file));
}

}  // namespace hermes::spool
