// A command's output: a file, stdout, a device or a pipe. A file appears under its name only when it is complete and flushed to
// disk, so that a power loss does not take it. Only its owner can read it, since it holds people's messages. A device or pipe
// is written to directly.
//
// Not thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace hermes::tools {

class OutputFile {
 public:
  // `path` empty: stdout. A symbolic link is followed. Throws CommandError, like the other members.
  explicit OutputFile(const std::string& path);
  ~OutputFile();  // removes an unfinished file
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  void finish();

 private:
  void flush();
  void sync_folder() const;

  std::string path_;        // of the file to make; otherwise empty
  std::string unfinished_;  // its name until it is complete
  std::string shown_ = "the standard output";
  int in_place_ = -1;
  int file_;
  std::string buffer_;
};

}  // namespace hermes::tools
