// Lines in, lines out: for pipes, files and terminals that cannot move their cursor (TERM=dumb).
#pragma once

#include <cstdio>
#include <map>

#include "adapters/terminal/console.h"
#include "adapters/terminal/line_reader.h"
#include "adapters/terminal/signals.h"

namespace hermes::terminal {

class PlainConsole : public Console {
 public:
  // Messages of one's own that a later set_mark may still name; the oldest are forgotten.
  static constexpr std::size_t kMaxMarked = 1'000;

  PlainConsole(int input_descriptor, std::FILE* output) : lines_(input_descriptor), input_(input_descriptor), output_(output) {}

  Input read_line(const Events& events) override;
  void show(const std::vector<Entry>& entries) override;
  void set_mark(std::string_view key, Mark mark, std::string_view words) override;
  void set_status(std::string_view text) override;
  void set_prompt(std::string_view) override {}
  bool interactive() const override { return false; }

 private:
  void print(const std::string& line);

  Signals signals_;
  LineReader lines_;
  int input_;
  std::FILE* output_;
  std::string status_;
  std::map<std::string, std::string, std::less<>> marked_;  // by key: the line to repeat
  std::vector<std::string> marked_order_;
};

}  // namespace hermes::terminal
