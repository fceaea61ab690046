// Reads and prints whole lines: for pipes, files and terminals that cannot move their cursor (TERM=dumb). At a terminal, an
// entry begins on a new row, and the line being typed is written again below it.
#pragma once

#include <termios.h>

#include <cstdio>
#include <map>
#include <optional>

#include "adapters/terminal/console.h"
#include "adapters/terminal/line_reader.h"
#include "adapters/terminal/signals.h"
#include "adapters/terminal/typed_line.h"

namespace hermes::terminal {

class PlainConsole : public Console {
 public:
  // How many own messages a later set_mark may still name; the oldest are forgotten.
  static constexpr std::size_t kMaxMarked = 1'000;

  PlainConsole(int input_descriptor, std::FILE* output);
  ~PlainConsole() override;  // leaves the terminal as it was

  Input read_line(const Events& events) override;
  void show(const std::vector<Entry>& entries) override;
  void set_mark(std::string_view key, Mark mark, std::string_view words) override;
  void set_status(std::string_view text) override;
  void set_prompt(std::string_view) override {}
  bool interactive() const override { return at_a_terminal_; }

 private:
  std::optional<std::string> next_line();
  bool at_end() const { return usual_mode_ ? typed_.at_end() : lines_.at_end(); }
  void read_available(const Events& events);
  void edit_here();
  void begin_output();
  void print(const std::string& line);
  void end_output();

  Signals signals_;
  LineReader lines_;
  int input_;
  std::FILE* output_;
  bool at_a_terminal_;
  std::optional<termios> usual_mode_;  // of the terminal, while the line is edited here
  TypedLine typed_;
  std::string status_;
  std::map<std::string, std::string, std::less<>> marked_;  // by key: the line to repeat
  std::vector<std::string> marked_order_;
};

}  // namespace hermes::terminal
