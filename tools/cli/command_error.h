// How a command ends when it does not do what was asked: an exit code and one line.
#pragma once

#include <stdexcept>
#include <string>

#include "base/printable_text.h"

namespace hermes::tools {

// Text from messages, safe to print.

enum ExitCode : int {
  kDone = 0,
  kFoundProblem = 1,  // it found a problem, or did not find the thing
  kUsage = 2,
  kUnreachable = 3  // broker or database out of reach
};

// Ends the command: one line on stderr ("hermes: ...": what, where, what to do) and an exit code. Caught once, in run().
class CommandError : public std::runtime_error {
 public:
  CommandError(ExitCode exit_code, const std::string& message) : std::runtime_error(message), code(exit_code) {}
  ExitCode code;
};

}  // namespace hermes::tools
