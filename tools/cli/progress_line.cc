#include "tools/cli/progress_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <string_view>

#include "tools/cli/output.h"

namespace hermes::tools {
namespace {

constexpr std::size_t kStepColumns = 9;  // the longest name of a step
constexpr std::size_t kBarCells = 30;
constexpr std::size_t kBarCellsMin = 5;  // a shorter one shows nothing
// How often a line is printed if stderr is no terminal, but a log that somebody reads later.
constexpr std::chrono::seconds kBetweenLines{5};

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

}  // namespace

std::size_t columns_of_stderr() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 1'000;
  return size.ws_col;
}

std::string progress_text(const Progress& progress, double seconds, std::size_t columns) {
  const auto& [of, step, done, total, unit] = progress;
  // A line that fills the last column would be written over two.
  const std::size_t room = std::max<std::size_t>(columns, 2) - 1;
  std::string head = std::string(of).append(": ").append(step);
  head.resize(std::max(head.size(), of.size() + 2 + kStepColumns), ' ');
  if (total == 0) return head.substr(0, room);

  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  char percent[16];
  std::snprintf(percent, sizeof(percent), " %3.0f %%", part * 100);
  const std::string counts = "  " + grouped(done) + " of " + grouped(total) + " " + std::string(unit);
  std::string rate, to_go;
  if (seconds > 0.2 && done > 0) {
    const double per_second = static_cast<double>(done) / seconds;
    rate = "  " + grouped(static_cast<std::uint64_t>(per_second)) + "/s";
    const double left = static_cast<double>(total - std::min(done, total)) / per_second;
    if (done < total)
      to_go = "  " + human_duration(std::chrono::microseconds(static_cast<std::int64_t>(left * 1e6))) + " to go";
  }
  std::size_t taken = head.size() + std::string_view(percent).size() + to_go.size();
  const auto fits = [&](const std::string& text) { return taken + text.size() <= room; };
  std::string middle;
  for (const std::string& text : {counts, rate}) {
    if (!fits(text)) break;
    middle += text;
    taken += text.size();
  }
  std::string bar;
  constexpr std::size_t kAround = 3;  // a space and the brackets
  if (taken + kAround + kBarCellsMin <= room) {
    const std::size_t cells = std::min(kBarCells, room - taken - kAround);
    const auto full = static_cast<std::size_t>(std::lround(part * static_cast<double>(cells)));
    bar = " [" + std::string(full, '#') + std::string(cells - full, '.') + "]";
  }
  return (head + bar + percent + middle + to_go).substr(0, room);
}

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() { end_step(); }

void ProgressLine::end_step() {
  if (line_.empty()) return;
  std::cerr << (terminal_ ? "\n" : line_ + "\n");
  line_.clear();
}

void ProgressLine::show(const Progress& progress) {
  const auto now = Clock::now();
  if (progress.of != of_ || progress.step != step_) {
    end_step();
    of_ = progress.of;
    step_ = progress.step;
    began_ = now;
    shown_ = now;
  }
  const double seconds = std::chrono::duration<double>(now - began_).count();
  const std::string line = progress_text(progress, seconds, columns_of_stderr());
  line_ = line;
  if (terminal_) {
    std::cerr << '\r' << line << "\x1b[K" << std::flush;
  } else if (now - shown_ >= kBetweenLines) {
    shown_ = now;
    std::cerr << line << '\n';
  }
}

}  // namespace hermes::tools
