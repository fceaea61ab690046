#include "adapters/terminal/plain_console.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "adapters/terminal/wait.h"
#include "base/printable_text.h"

namespace hermes::terminal {
namespace {

// How much of a message is repeated when its mark changes.
constexpr std::size_t kRepeatedColumns = 60;

std::string described(const Entry& entry) {
  const std::string text = escape_for_terminal(entry.text);
  return entry.who.empty() ? text : escape_for_terminal(entry.who) + ": " + text;
}

// The words for a mark, where it cannot be drawn.
const char* words_of(Mark mark) {
  switch (mark) {
    case Mark::none: return "";
    case Mark::waiting: return " (on its way)";
    case Mark::stored: return " (on the server)";
    case Mark::delivered: return " (delivered)";
    case Mark::read: return " (read)";
    case Mark::refused: return " (refused)";
  }
  return "";
}

}  // namespace

PlainConsole::PlainConsole(int input_descriptor, std::FILE* output)
    : lines_(input_descriptor),
      input_(input_descriptor),
      output_(output),
      at_a_terminal_(::isatty(input_descriptor) == 1 && ::isatty(::fileno(output)) == 1) {
  edit_here();
}

PlainConsole::~PlainConsole() {
  if (usual_mode_) ::tcsetattr(input_, TCSADRAIN, &*usual_mode_);
}

// If the echo is off, a program around us (an editor) draws the screen, and knows best what is on it.
void PlainConsole::edit_here() {
  termios mode{};
  if (!at_a_terminal_ || ::tcgetattr(input_, &mode) != 0 || (mode.c_lflag & ICANON) == 0 || (mode.c_lflag & ECHO) == 0) return;
  termios keys = mode;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  keys.c_cc[VMIN] = 1;
  keys.c_cc[VTIME] = 0;
  if (::tcsetattr(input_, TCSADRAIN, &keys) == 0) usual_mode_ = mode;
}

std::optional<std::string> PlainConsole::next_line() { return usual_mode_ ? typed_.next() : lines_.next(); }

void PlainConsole::read_available(const Events& events) {
  if (!usual_mode_) return lines_.read_available();
  char keys[4096];
  const ssize_t got = ::read(input_, keys, sizeof keys);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  // A vanished terminal ends the input, like Ctrl-D on an empty line.
  const std::string echo = typed_.take(got > 0 ? std::string_view(keys, static_cast<std::size_t>(got)) : "\x15\x04");
  std::fwrite(echo.data(), 1, echo.size(), output_);
  std::fflush(output_);
  if (events.on_edit) events.on_edit(typed_.text());
}

Input PlainConsole::read_line(const Events& events) {
  for (;;) {
    const bool may_read = !events.may_read || events.may_read();
    if (may_read) {
      if (auto line = next_line()) return {Input::Kind::line, *line};
      if (at_end()) return {Input::Kind::end};
    }
    const auto deadline = events.next_deadline ? events.next_deadline() : std::nullopt;
    const Ready ready = wait_for_any(may_read ? input_ : -1, signals_.descriptor(), events.wake_descriptors, deadline);
    if (ready.woken) events.on_wake();
    if (events.over && events.over()) return {Input::Kind::terminated};
    if (ready.deadline) events.on_deadline();
    if (ready.signal) {
      const auto signal = signals_.take();
      if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) return {Input::Kind::terminated};
      if (signal == SIGTSTP) {
        if (usual_mode_) ::tcsetattr(input_, TCSADRAIN, &*usual_mode_);
        usual_mode_.reset();
        ::raise(SIGSTOP);
        edit_here();
      }
    }
    if (ready.input) read_available(events);
  }
}

void PlainConsole::show(const std::vector<Entry>& entries) {
  begin_output();
  for (const Entry& entry : entries) {
    const std::string line = described(entry);
    const std::string id = entry.id.empty() ? "" : escape_for_terminal(entry.id) + " ";
    print((entry.time.empty() ? "" : entry.time + " ") + id + line + words_of(entry.mark));
    if (entry.key.empty()) continue;
    marked_[entry.key] = shorten(line, kRepeatedColumns);
    marked_order_.push_back(entry.key);
    if (marked_order_.size() > kMaxMarked) {
      marked_.erase(marked_order_.front());
      marked_order_.erase(marked_order_.begin());
    }
  }
  end_output();
}

void PlainConsole::set_mark(std::string_view key, Mark, std::string_view words) {
  const auto found = marked_.find(key);
  if (found == marked_.end()) return;
  begin_output();
  print("      " + escape_for_terminal(words) + ": " + found->second);
  end_output();
}

void PlainConsole::set_status(std::string_view text) {
  if (text == status_) return;
  status_ = text;
  if (text.empty()) return;
  begin_output();
  print("      " + escape_for_terminal(text));
  end_output();
}

void PlainConsole::begin_output() {
  if (!typed_.text().empty()) std::fputc('\n', output_);
}

void PlainConsole::end_output() {
  const std::string& typed = typed_.text();
  std::fwrite(typed.data(), 1, typed.size(), output_);
  std::fflush(output_);
}

void PlainConsole::print(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), output_);
  std::fputc('\n', output_);
}

}  // namespace hermes::terminal
