// How a command ends that could not do its work: an exit code and one line.
#pragma once

#include <stdexcept>
#include <string>

#include "base/printable_text.h"

namespace hermes::tools {

// Text from messages, safe to print.

enum ExitCode : int {
  kDone = 0,
  kFoundProblem = 1,  // a check failed, or what was asked for does not exist
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
