#include "tools/progress_line.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <iostream>

#include "tools/output.h"

namespace hermes::tools {
namespace {

constexpr int kBarCells = 30;
// Not a terminal: a log that somebody reads later.
constexpr std::chrono::seconds kBetweenLines{5};

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

}  // namespace

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() { end_step(); }

void ProgressLine::end_step() {
  if (line_.empty()) return;
  std::cerr << (terminal_ ? "\n" : line_ + "\n");
  line_.clear();
}

void ProgressLine::show(const std::string& what, std::uint64_t done, std::uint64_t total, const std::string& unit) {
  const auto now = Clock::now();
  if (what != what_) {
    end_step();
    what_ = what;
    began_ = now;
    shown_ = now;
  }
  const double seconds = std::chrono::duration<double>(now - began_).count();
  char bar[160];
  std::string line;
  std::snprintf(bar, sizeof(bar), "%-9s", what.c_str());
  line = bar;
  if (total > 0) {
    const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto full = static_cast<std::size_t>(std::lround(part * kBarCells));
    std::snprintf(bar, sizeof(bar), " [%s%s] %3.0f %%  %s of %s %s", std::string(full, '#').c_str(),
                  std::string(kBarCells - full, '.').c_str(), part * 100, grouped(done).c_str(), grouped(total).c_str(), unit.c_str());
    line += bar;
    if (seconds > 0.2 && done > 0) {
      const double rate = static_cast<double>(done) / seconds;
      line += "  " + grouped(static_cast<std::uint64_t>(rate)) + "/s";
      const double left = static_cast<double>(total - std::min(done, total)) / rate;
      if (done < total) line += "  " + human_duration(std::chrono::microseconds(static_cast<std::int64_t>(left * 1e6))) + " to go";
    }
  }
  line_ = line;
  if (terminal_) {
    std::cerr << '\r' << line << "\x1b[K" << std::flush;
  } else if (now - shown_ >= kBetweenLines) {
    shown_ = now;
    std::cerr << line << '\n';
  }
}

}  // namespace hermes::tools
