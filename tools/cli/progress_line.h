// Shows the progress of a long operation on stderr: on a terminal one line, which is overwritten, otherwise a line now and
// then.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace hermes::tools {

// The text of the line, in at most `columns` columns: a narrow terminal gets no bar, a narrower one also less of the rest. `of`
// names the operation that the step belongs to, `seconds` is the time since the step began.
std::string progress_text(const std::string& of, const std::string& step, std::uint64_t done, std::uint64_t total,
                          const std::string& unit, double seconds, std::size_t columns);

// The width of the terminal on stderr; very large if stderr is no terminal.
std::size_t columns_of_stderr();

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();  // leaves the terminal on a fresh line

  // A new step or another operation begins a new line. total 0: unknown. Rate and time left are those of this step.
  void show(const std::string& of, const std::string& step, std::uint64_t done, std::uint64_t total, const std::string& unit);

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
