#include "adapters/terminal/line_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

namespace hermes::terminal {
namespace {

// Editors of Windows and PowerShell write it before a text.
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

void LineReader::read_available() {
  if (used_ > 0) {
    buffer_.erase(0, used_);
    scanned_ -= used_;
    used_ = 0;
  }
  char bytes[16 * 1024];
  const ssize_t got = ::read(descriptor_, bytes, sizeof bytes);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got < 0 && errno != EIO) throw std::system_error(errno, std::generic_category(), "cannot read the input");
  if (got <= 0) {
    at_end_ = true;  // EIO: the terminal went away
  } else {
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }
}

std::optional<std::string> LineReader::next() {
  if (at_beginning_ && !pass_over_byte_order_mark()) return std::nullopt;
  if (passing_over_) pass_over();
  const std::size_t newline = buffer_.find('\n', scanned_);
  if (newline == std::string::npos) {
    scanned_ = buffer_.size();
    const std::size_t left = buffer_.size() - used_;
    if (left == 0 || (!at_end_ && left < kMaxLineBytes)) return std::nullopt;
    std::string line = buffer_.substr(used_, kMaxLineBytes);
    passing_over_ = left >= kMaxLineBytes;
    used_ = buffer_.size();
    return line;
  }
  std::string line = buffer_.substr(used_, std::min(newline - used_, kMaxLineBytes));
  used_ = scanned_ = newline + 1;
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

// False while too little has come to tell.
bool LineReader::pass_over_byte_order_mark() {
  if (!at_end_ && buffer_.size() < kByteOrderMark.size() && kByteOrderMark.starts_with(buffer_)) return false;
  if (buffer_.starts_with(kByteOrderMark)) used_ = scanned_ = kByteOrderMark.size();
  at_beginning_ = false;
  return true;
}

void LineReader::pass_over() {
  const std::size_t newline = buffer_.find('\n', used_);
  passing_over_ = newline == std::string::npos;
  used_ = scanned_ = passing_over_ ? buffer_.size() : newline + 1;
}

}  // namespace hermes::terminal
