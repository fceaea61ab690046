#include "adapters/terminal/terminal_console.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include "adapters/terminal/wait.h"
#include "base/printable_text.h"

namespace hermes::terminal {
namespace {

constexpr std::size_t kPromptColumns = 40;
constexpr std::size_t kCandidatesShown = 100;
constexpr std::size_t kCandidateBytesShown = 1'000;
// Longer lines are not remembered for the arrow keys, because the file of all lines is rewritten with each new one.
constexpr std::size_t kRememberedCharacters = 10'000;
// Bracketed paste (xterm, "Control Sequences"): pasted text comes between marks, so that it is not taken for keys.
constexpr std::string_view kAskForPasteMarks = "\x1b[?2004h";
constexpr std::string_view kAskForNoPasteMarks = "\x1b[?2004l";
constexpr std::wstring_view kPasteEnds = L"\x1b[201~";
constexpr wchar_t kKillWholeLine = L'\x15';  // ^U in libedit's emacs map

winsize terminal_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {24, 80, 0, 0};
  return size;
}

Screen screen_for_this_terminal() {
  const winsize size = terminal_size();
  const char* no_color = std::getenv("NO_COLOR");
  return Screen(size.ws_row, size.ws_col, no_color == nullptr || *no_color == '\0');
}

void write_at_once(std::string_view bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  std::fflush(stdout);
}

std::string common_beginning(const std::vector<std::string>& words) {
  std::string common = words.front();
  for (const std::string& word : words) {
    const auto [end, ignored] = std::mismatch(common.begin(), common.end(), word.begin(), word.end());
    common.erase(end, common.end());
  }
  return common;
}

}  // namespace

TerminalConsole::TerminalConsole(std::string history_file)
    : history_file_(std::move(history_file)), screen_(screen_for_this_terminal()) {
  // Today's terminals use UTF-8; LANG is often unset in containers and services.
  if (std::setlocale(LC_CTYPE, "C.UTF-8") == nullptr) throw std::runtime_error("the locale C.UTF-8 is missing");
  editor_ = ::el_init("hermes", stdin, stdout, stderr);
  if (editor_ == nullptr) throw std::runtime_error("libedit cannot use this terminal");
  history_ = ::history_winit();
  HistEventW event{};
  ::history_w(history_, &event, H_SETSIZE, kMaxHistory);
  ::history_w(history_, &event, H_SETUNIQUE, 1);

  el_wset(editor_, EL_CLIENTDATA, this);
  el_wset(editor_, EL_EDITOR, L"emacs");
  el_wset(editor_, EL_SIGNAL, 0);
  el_wset(editor_, EL_HIST, history_w, history_);
  el_wset(
      editor_, EL_PROMPT, +[](EditLine* editor) { return self(editor).prompt_.data(); });
  el_wset(
      editor_, EL_GETCFN, +[](EditLine* editor, wchar_t* out) { return self(editor).next_character(out); });
  el_wset(
      editor_, EL_ADDFN, L"hermes-complete", L"Complete the word",
      +[](EditLine* editor, int) { return self(editor).complete(); });
  el_wset(
      editor_, EL_ADDFN, L"hermes-draw-again", L"Draw the screen again",
      +[](EditLine* editor, int) { return self(editor).draw_again(); });
  el_wset(
      editor_, EL_ADDFN, L"hermes-paste", L"Insert what is pasted",
      +[](EditLine* editor, int) { return self(editor).paste(); });
  el_wset(editor_, EL_BIND, L"^I", L"hermes-complete", nullptr);
  el_wset(editor_, EL_BIND, L"^L", L"hermes-draw-again", nullptr);
  el_wset(editor_, EL_BIND, L"^R", L"em-inc-search-prev", nullptr);
  el_wset(editor_, EL_BIND, L"^W", L"ed-delete-prev-word", nullptr);
  // Ctrl and an arrow, as most terminals send it.
  el_wset(editor_, EL_BIND, L"\\e[1;5C", L"em-next-word", nullptr);
  el_wset(editor_, EL_BIND, L"\\e[1;5D", L"ed-prev-word", nullptr);
  ::el_source(editor_, nullptr);  // ~/.editrc; it need not exist
  el_wset(editor_, EL_BIND, L"\\e[200~", L"hermes-paste", nullptr);
  load_history();
  write_at_once(kAskForPasteMarks);
}

TerminalConsole::~TerminalConsole() {
  write_at_once(kAskForNoPasteMarks);
  ::history_wend(history_);
  ::el_end(editor_);
}

TerminalConsole& TerminalConsole::self(EditLine* editor) {
  void* data = nullptr;
  el_wget(editor, EL_CLIENTDATA, &data);
  return *static_cast<TerminalConsole*>(data);
}

Input TerminalConsole::read_line(const Events& events) {
  events_ = &events;
  last_line_.clear();
  // libedit would draw the prompt before it switches the mode: keys that a program sends when it sees the prompt would reach a
  // terminal in its usual mode, where Ctrl-D and Ctrl-U are not keys.
  el_wset(editor_, EL_PREP_TERM, 1);
  const std::string status = screen_.draw_status();
  std::fwrite(status.data(), 1, status.size(), stdout);
  int count = 0;
  const wchar_t* got = ::el_wgets(editor_, &count);
  const bool line_came = got != nullptr && count > 0 && !terminated_;
  std::wstring line = line_came ? std::wstring(got, static_cast<std::size_t>(count)) : std::wstring();
  while (!line.empty() && (line.back() == L'\n' || line.back() == L'\r')) line.pop_back();

  // libedit has left the line, with the cursor below it. The line is erased, because the conversation shows the message.
  EditArea left = edit_area(prompt_, line, line.size(), screen_.columns());
  left.cursor_row = line_came ? left.rows : 0;
  const std::string erase = screen_.erase_edit_area(left);
  std::fwrite(erase.data(), 1, erase.size(), stdout);
  std::fflush(stdout);
  events_ = nullptr;
  if (terminated_) return {Input::Kind::terminated};
  if (!line_came) return {Input::Kind::end};
  if (!line.empty() && line.size() <= kRememberedCharacters) remember(line);
  return {Input::Kind::line, narrowed(line)};
}

void TerminalConsole::show(const std::vector<Entry>& entries) { write(screen_.show(entries, area()), true); }

void TerminalConsole::set_status(std::string_view text) {
  if (shorten(escape_for_terminal(text), screen_.columns() - 1) == screen_.status()) return;
  write(screen_.set_status(text, area()), true);
}

void TerminalConsole::set_mark(std::string_view key, Mark mark, std::string_view) {
  const std::string bytes = screen_.set_mark(key, mark, area());
  if (!bytes.empty()) write(bytes, false);
}

void TerminalConsole::set_prompt(std::string_view text) {
  const std::string erase = screen_.erase_edit_area(area()) + screen_.draw_status();
  prompt_ = widened(shorten(escape_for_terminal(text), kPromptColumns));
  write(erase, true);
}

// Between two lines there is no prompt, and no status row either: both are drawn when the next line is read.
void TerminalConsole::write(const std::string& bytes, bool prompt_is_gone) {
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  if (editing_ && prompt_is_gone) {
    el_wset(editor_, EL_REFRESH);
  } else if (!editing_ && prompt_is_gone) {
    const std::string erase = screen_.erase_edit_area({});
    std::fwrite(erase.data(), 1, erase.size(), stdout);
  }
  std::fflush(stdout);
}

EditArea TerminalConsole::area() const {
  if (!editing_) return {};
  const LineInfoW* line = ::el_wline(editor_);
  const std::wstring_view text(line->buffer, static_cast<std::size_t>(line->lastchar - line->buffer));
  return edit_area(prompt_, text, static_cast<std::size_t>(line->cursor - line->buffer), screen_.columns());
}

int TerminalConsole::next_character(wchar_t* out) {
  editing_ = true;
  std::optional<wchar_t> character = take_character();
  if (!character) tell_of_edit();  // only once for many keys that come together
  while (!character) {
    if (terminated_ || input_ended_) {
      editing_ = false;
      return 0;
    }
    const auto deadline = events_->next_deadline ? events_->next_deadline() : std::nullopt;
    const Ready ready = wait_for_any(STDIN_FILENO, signals_.descriptor(), events_->wake_descriptors, deadline);
    // Keys first: they are echoed before the next batch of messages is drawn.
    if (ready.input) {
      char bytes[4096];
      const ssize_t got = ::read(STDIN_FILENO, bytes, sizeof bytes);
      if (got > 0) bytes_.append(bytes, static_cast<std::size_t>(got));
      if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) input_ended_ = true;
    } else {
      if (ready.woken) events_->on_wake();
      if (ready.deadline) events_->on_deadline();
      if (events_->over && events_->over()) terminated_ = true;
    }
    if (ready.signal) {
      while (const auto signal = signals_.take()) handle_signal(*signal);
    }
    character = take_character();
  }
  editing_ = false;
  *out = *character;
  return 1;
}

void TerminalConsole::handle_signal(int signal) {
  if (signal == SIGTERM || signal == SIGHUP) terminated_ = true;
  if (signal == SIGTSTP) suspend();
  if (signal == SIGWINCH) {
    ::el_resize(editor_);
    draw_again();
  }
  if (signal == SIGINT) {
    const LineInfoW* line = ::el_wline(editor_);
    if (line->lastchar == line->buffer) {
      input_ended_ = true;
    } else {
      bytes_.insert(bytes_.begin(), static_cast<char>(kKillWholeLine));
    }
  }
}

void TerminalConsole::suspend() {
  write_at_once(screen_.erase_edit_area(area()).append(kAskForNoPasteMarks));
  el_wset(editor_, EL_PREP_TERM, 0);
  ::raise(SIGSTOP);
  write_at_once(kAskForPasteMarks);
  el_wset(editor_, EL_PREP_TERM, 1);
  ::el_resize(editor_);
  draw_again();
}

unsigned char TerminalConsole::draw_again() {
  const winsize size = terminal_size();
  const bool inside_editor = !editing_;  // bound to a key: called by libedit, between two characters
  editing_ = true;
  write(screen_.draw_again(size.ws_row, size.ws_col), true);
  if (inside_editor) editing_ = false;
  return CC_NORM;
}

unsigned char TerminalConsole::complete() {
  const LineInfoW* line = ::el_wline(editor_);
  const std::string to_cursor = narrowed({line->buffer, static_cast<std::size_t>(line->cursor - line->buffer)});
  const Completion completion = events_->complete ? events_->complete(to_cursor) : Completion{};
  if (completion.candidates.empty()) return CC_ERROR;
  const bool only_one = completion.candidates.size() == 1;
  std::string longer = common_beginning(completion.candidates) + (only_one ? " " : "");
  if (longer.size() > completion.word_bytes) {
    const std::wstring rest = widened(std::string_view(longer).substr(completion.word_bytes));
    return ::el_winsertstr(editor_, rest.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  }
  std::string candidates;
  for (std::size_t i = 0; i < std::min(completion.candidates.size(), kCandidatesShown); ++i) {
    if (candidates.size() > kCandidateBytesShown) {
      candidates += "  …";
      break;
    }
    candidates += (i == 0 ? "" : "  ") + completion.candidates[i];
  }
  editing_ = true;
  show({note(candidates)});
  editing_ = false;
  return CC_NORM;
}

// Puts pasted text into the line as one piece: nothing is sent or run before the user ends the line.
unsigned char TerminalConsole::paste() {
  std::wstring pasted;
  wchar_t character = 0;
  while (!pasted.ends_with(kPasteEnds) && next_character(&character) == 1) pasted += character;
  if (pasted.ends_with(kPasteEnds)) pasted.resize(pasted.size() - kPasteEnds.size());
  const std::wstring text = as_typed(pasted);
  return text.empty() || ::el_winsertstr(editor_, text.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
}

// Takes one UTF-8 character; skips invalid bytes.
std::optional<wchar_t> TerminalConsole::take_character() {
  while (!bytes_.empty()) {
    wchar_t character = 0;
    std::mbstate_t state{};
    const std::size_t used = std::mbrtowc(&character, bytes_.data(), bytes_.size(), &state);
    if (used == static_cast<std::size_t>(-2)) return std::nullopt;  // the rest is still to come
    const bool valid = used != static_cast<std::size_t>(-1) && used != 0;
    bytes_.erase(0, valid ? used : 1);
    if (valid) return character;
  }
  return std::nullopt;
}

void TerminalConsole::tell_of_edit() {
  const LineInfoW* line = ::el_wline(editor_);
  std::string now = narrowed({line->buffer, static_cast<std::size_t>(line->lastchar - line->buffer)});
  if (now == last_line_) return;
  last_line_ = std::move(now);
  if (events_->on_edit) events_->on_edit(last_line_);
}

void TerminalConsole::load_history() {
  if (history_file_.empty()) return;
  HistEventW event{};
  ::history_w(history_, &event, H_LOAD, history_file_.c_str());  // the first time there is none
}

void TerminalConsole::remember(const std::wstring& line) {
  HistEventW event{};
  ::history_w(history_, &event, H_ENTER, line.c_str());
  if (history_file_.empty()) return;
  // Only the user may read these lines. If the history can't be written, the chat goes on without it.
  const mode_t mask = ::umask(077);
  ::history_w(history_, &event, H_SAVE, history_file_.c_str());
  ::umask(mask);
}

}  // namespace hermes::terminal
