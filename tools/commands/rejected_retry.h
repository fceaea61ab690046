// hermes rejected retry (rejected.cc): appends rejected messages again, and tells of each on standard output.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/cli/cli.h"

namespace hermes::tools {

struct RetryRequest {
  std::vector<std::int64_t> ids{};  // empty: all open ones
  std::string reason_code{};        // of those that were refused for this reason; empty: whatever the reason
  std::string who;                  // as it is recorded
};

// What is refused again stays open; then the exit code is kFoundProblem. Throws CommandError when the database takes nothing
// more: what was told until then is done.
ExitCode retry_rejected_messages(const Settings& settings, const RetryRequest& request);

}  // namespace hermes::tools
