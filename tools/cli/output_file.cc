#include "tools/cli/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "tools/cli/command_error.h"
#include "tools/cli/link_target.h"

namespace hermes::tools {
namespace {

// Output is collected and written in pieces of this size.
constexpr std::size_t kBufferSize = 256 * 1024;

[[noreturn]] void cannot(const char* what, const std::string& where) {
  throw CommandError(kFoundProblem, std::string("cannot ") + what + " " + where + ": " + std::strerror(errno));
}

}  // namespace

OutputFile::OutputFile(const std::string& path) : file_(STDOUT_FILENO) {
  if (path.empty()) return;
  if (is_written_in_place(path)) {
    in_place_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (in_place_ < 0) cannot("open", path);
    file_ = in_place_;
    shown_ = path;
    return;
  }
  path_ = link_target(path);
  unfinished_ = path_ + ".unfinished";
  file_ = ::open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file_ < 0) cannot("create", unfinished_);
  shown_ = unfinished_;
}

OutputFile::~OutputFile() {
  if (in_place_ >= 0) ::close(in_place_);
  if (path_.empty() || file_ < 0) return;
  ::close(file_);
  ::unlink(unfinished_.c_str());
}

void OutputFile::write(std::string_view bytes) {
  buffer_ += bytes;
  if (buffer_.size() >= kBufferSize) flush();
}

void OutputFile::finish() {
  flush();
  if (path_.empty()) return;
  if (::fsync(file_) != 0 || ::close(std::exchange(file_, -1)) != 0) cannot("write", unfinished_);
  if (::rename(unfinished_.c_str(), path_.c_str()) != 0) cannot("create", path_);
  sync_folder();
}

void OutputFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) cannot("write", shown_);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

// Flushing the folder makes the new name durable.
void OutputFile::sync_folder() const {
  std::string folder = std::filesystem::path(path_).parent_path().string();
  if (folder.empty()) folder = ".";
  const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0) cannot("open", folder);
  const bool synced = ::fsync(opened) == 0;
  ::close(opened);
  if (!synced) cannot("write", folder);
}

}  // namespace hermes::tools
