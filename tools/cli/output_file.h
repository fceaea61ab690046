// What a command writes for its user to keep: a file that appears under its name only when it is whole, and is on the disk
// then, also after a power loss; or stdout, or a device or pipe, written to as it is. A file is readable by its owner alone: it
// holds what people wrote.
//
// Not thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace hermes::tools {

class OutputFile {
 public:
  // `path` empty: stdout. A symbolic link is followed. Throws CommandError, as do the others.
  explicit OutputFile(const std::string& path);
  ~OutputFile();  // of a file that was not finished nothing stays
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  void finish();

 private:
  void flush();
  void sync_folder() const;

  std::string path_;        // of a file that is made; empty else
  std::string unfinished_;  // the name that it has until it is whole
  std::string shown_ = "the standard output";
  int in_place_ = -1;
  int file_;
  std::string buffer_;
};

}  // namespace hermes::tools
