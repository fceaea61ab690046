// Reads lines from a descriptor without editing: a pipe, a file, a terminal that cannot move its cursor. It reads only the
// available bytes, so that one poll() can wait for other descriptors too.
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace hermes::terminal {

class LineReader {
 public:
  // Of a longer line, only this much is returned. That is too long for any message, so the line is refused as one, and its rest
  // is never taken for another line.
  static constexpr std::size_t kMaxLineBytes = 256 * 1024;

  explicit LineReader(int descriptor) : descriptor_(descriptor) {}

  // Requires: poll() says that the descriptor is readable, or blocking is wanted. Throws std::system_error.
  void read_available();

  // The next line, without its end ("\n" or "\r\n"), if a whole one is there. At the end of the input a last line without a
  // newline counts as one. A byte order mark before the first is passed over.
  std::optional<std::string> next();
  bool at_end() const { return at_end_ && buffer_.size() == used_; }

 private:
  bool pass_over_byte_order_mark();
  void pass_over();

  int descriptor_;
  std::string buffer_;
  std::size_t used_ = 0;       // bytes of the buffer already given out
  std::size_t scanned_ = 0;    // no newline before here
  bool passing_over_ = false;  // skipping the rest of a line that was too long
  bool at_end_ = false;
  bool at_beginning_ = true;
};

}  // namespace hermes::terminal
