// Shows the progress of a long operation on stderr: on a terminal one line, which is overwritten, otherwise a line now and
// then.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/progress.h"

namespace hermes::tools {

// What the line says, in at most `columns` columns: on narrow terminals without the bar, then without what matters less.
// `seconds`: since the step began.
std::string progress_text(const Progress& progress, double seconds, std::size_t columns);

// The width of the terminal on stderr; very large if stderr is no terminal.
std::size_t columns_of_stderr();

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  // leaves the terminal on a fresh line

  // A new step, or one of something else, begins a new line. Rate and the time to come are of this step.
  void show(const Progress& progress);

 private:
  using Clock = std::chrono::steady_clock;
  void end_step();

  const bool terminal_;
  std::string of_;
  std::string step_;
  std::string line_;
  Clock::time_point began_;
  Clock::time_point shown_;
};

}  // namespace hermes::tools
