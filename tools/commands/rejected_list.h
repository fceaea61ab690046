// hermes rejected list and show (rejected.cc), to standard output.
#pragma once

#include <cstdint>

#include "eventstore/commands/rejected_messages.h"
#include "tools/cli/cli.h"

namespace hermes::tools {

// The newest first. At most `filter.limit`, and whether there are more.
ExitCode list_rejected_messages(const Settings& settings, eventstore::RejectedFilter filter);

// One in full; `raw`: its bytes and nothing else, which no terminal gets. Throws CommandError where there is none.
ExitCode show_rejected_message(const Settings& settings, std::int64_t id, bool raw);

}  // namespace hermes::tools
