// hermes rejected drop (rejected.cc): takes rejected messages off the list of open ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/cli/cli.h"

namespace hermes::tools {

struct DropRequest {
  std::vector<std::int64_t> ids;  // distinct
  std::string why;                // recorded
  std::string who;                // recorded
  bool ask = true;                // at the terminal, before anything is done
};

// All of them or, where one is not open or not there, none. Throws CommandError for that, and where it is to ask and there is
// no terminal.
ExitCode drop_rejected_messages(const Settings& settings, const DropRequest& request);

}  // namespace hermes::tools
