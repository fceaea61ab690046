#include "tests/support/faults/recorded_calls.h"

#include <fstream>
#include <utility>

namespace hermes::test_support {

RecordedCalls::RecordedCalls(std::filesystem::path folder) : file_(std::move(folder) / "calls") {}

Environment RecordedCalls::environment(int port) const {
  return {{"LD_PRELOAD", HERMES_CALLS_LIBRARY}, {"HERMES_TEST_CALLS", file_}, {"HERMES_TEST_CALLS_PORT", std::to_string(port)}};
}

std::vector<std::string> RecordedCalls::all(const std::string& containing) const {
  std::vector<std::string> calls;
  std::ifstream file(file_);
  for (std::string line; std::getline(file, line);) {
    if (line == "send" || line.find(containing) != std::string::npos) calls.push_back(line);
  }
  return calls;
}

}  // namespace hermes::test_support
