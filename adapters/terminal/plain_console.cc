#include "adapters/terminal/plain_console.h"

#include <csignal>

#include "adapters/terminal/wait.h"
#include "domain/printable_text.h"

namespace hermes::terminal {
namespace {

// Of a message that is named again because its mark changed.
constexpr std::size_t kRepeatedColumns = 60;

std::string described(const Entry& entry) {
  const std::string text = domain::escape_for_terminal(entry.text);
  return entry.who.empty() ? text : domain::escape_for_terminal(entry.who) + ": " + text;
}

// What a line says of its mark, where it cannot be drawn.
const char* words_of(Mark mark) {
  switch (mark) {
    case Mark::none: return "";
    case Mark::waiting: return " (on its way)";
    case Mark::stored: return " (on the server)";
    case Mark::delivered: return " (delivered)";
    case Mark::read: return " (read)";
  }
  return "";
}

}  // namespace

Input PlainConsole::read_line(const Events& events) {
  for (;;) {
    const bool may_read = !events.may_read || events.may_read();
    if (may_read) {
      if (auto line = lines_.next()) return {Input::Kind::line, *line};
      if (lines_.at_end()) return {Input::Kind::end};
    }
    const auto deadline = events.next_deadline ? events.next_deadline() : std::nullopt;
    const Ready ready = wait_for_any(may_read ? input_ : -1, signals_.descriptor(), events.wake_descriptors, deadline);
    if (ready.woken) events.on_wake();
    if (ready.deadline) events.on_deadline();
    if (ready.signal) {
      const auto signal = signals_.take();
      if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) return {Input::Kind::terminated};
      if (signal == SIGTSTP) ::raise(SIGSTOP);
    }
    if (ready.input) lines_.read_available();
  }
}

void PlainConsole::show(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    const std::string line = described(entry);
    const std::string id = entry.id.empty() ? "" : domain::escape_for_terminal(entry.id) + " ";
    print((entry.time.empty() ? "" : entry.time + " ") + id + line + words_of(entry.mark));
    if (entry.key.empty()) continue;
    marked_[entry.key] = domain::shorten(line, kRepeatedColumns);
    marked_order_.push_back(entry.key);
    if (marked_order_.size() > kMaxMarked) {
      marked_.erase(marked_order_.front());
      marked_order_.erase(marked_order_.begin());
    }
  }
  std::fflush(output_);
}

void PlainConsole::set_mark(std::string_view key, Mark, std::string_view words) {
  const auto found = marked_.find(key);
  if (found == marked_.end()) return;
  print("      " + domain::escape_for_terminal(words) + ": " + found->second);
  std::fflush(output_);
}

void PlainConsole::set_status(std::string_view text) {
  if (text == status_) return;
  status_ = text;
  if (text.empty()) return;
  print("      " + domain::escape_for_terminal(text));
  std::fflush(output_);
}

void PlainConsole::print(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), output_);
  std::fputc('\n', output_);
}

}  // namespace hermes::terminal
