// The line editor: libedit, while output may come at any time.
//
// libedit has no call that reads the available keys and returns; it asks for one character after the other. So its source of
// characters (EL_GETCFN) is the event loop: it waits for a key, incoming messages and signals at the same time. It also prints
// entries: it erases the rows of the line being typed, writes the entries, and lets libedit draw its line anew (EL_REFRESH).
// One thread does all of this with one write, so nothing can come between. libedit does not tell where its cursor is;
// edit_area() (text_layout.h) computes it by libedit's own rules.
#pragma once

#include <histedit.h>

#include <string>

#include "adapters/terminal/console.h"
#include "adapters/terminal/screen.h"
#include "adapters/terminal/signals.h"

namespace hermes::terminal {

class TerminalConsole : public Console {
 public:
  static constexpr int kMaxHistory = 500;  // lines that the arrow keys reach

  // Requires: stdin and stdout are a terminal that can move its cursor. Sets LC_CTYPE to UTF-8.
  explicit TerminalConsole(std::string history_file);
  ~TerminalConsole() override;  // leaves the terminal as it was

  Input read_line(const Events& events) override;
  void show(const std::vector<Entry>& entries) override;
  void set_mark(std::string_view key, Mark mark, std::string_view words) override;
  void set_status(std::string_view text) override;
  void set_prompt(std::string_view text) override;
  bool interactive() const override { return true; }

 private:
  static TerminalConsole& self(EditLine* editor);

  // Called by libedit.
  int next_character(wchar_t* out);
  unsigned char complete();
  unsigned char draw_again();
  unsigned char paste();

  void handle_signal(int signal);
  void suspend();
  std::optional<wchar_t> take_character();
  void tell_of_edit();
  EditArea area() const;
  void write(const std::string& bytes, bool prompt_is_gone);
  void load_history();
  void remember(const std::wstring& line);

  Signals signals_;  // first: blocked before anything else
  std::string history_file_;
  EditLine* editor_ = nullptr;
  HistoryW* history_ = nullptr;
  Screen screen_;
  std::wstring prompt_;
  std::string bytes_;      // read and not yet given to libedit
  std::string last_line_;  // as last passed to on_edit
  const Events* events_ = nullptr;
  bool editing_ = false;  // libedit has drawn a line and waits for a key
  bool input_ended_ = false;
  bool terminated_ = false;
};

}  // namespace hermes::terminal
