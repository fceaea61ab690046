#include "adapters/terminal/typed_line.h"

#include "base/printable_text.h"

namespace hermes::terminal {
namespace {

constexpr char kEndOfInput = 0x04;
constexpr char kBackspace = 0x08;
constexpr char kKillLine = 0x15;
constexpr char kDelete = 0x7f;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string TypedLine::take(std::string_view keys) {
  std::string echo;
  for (char key : keys) {
    if (key == '\t') key = ' ';
    if (key == '\n' || key == '\r') {
      ended_.push_back(std::move(text_));
      text_.clear();
      echo += '\n';
    } else if (key == kBackspace || key == kDelete) {
      echo += take_back_one();
    } else if (key == kKillLine) {
      while (!text_.empty()) echo += take_back_one();
    } else if (key == kEndOfInput) {
      at_end_ = at_end_ || text_.empty();
    } else if (static_cast<unsigned char>(key) >= 0x20) {
      text_ += key;
      echo += key;
    }
  }
  return echo;
}

std::optional<std::string> TypedLine::next() {
  if (ended_.empty()) return std::nullopt;
  std::string line = std::move(ended_.front());
  ended_.pop_front();
  return line;
}

// As the kernel does it: back, a blank, back. Such a terminal can do no more.
std::string TypedLine::take_back_one() {
  std::size_t first = text_.size();
  while (first > 0 && is_continuation(text_[first - 1])) --first;
  if (first > 0) --first;
  const std::size_t columns = display_width(std::string_view(text_).substr(first));
  text_.erase(first);
  std::string echo;
  for (std::size_t i = 0; i < columns; ++i) echo += "\b \b";
  return echo;
}

}  // namespace hermes::terminal
