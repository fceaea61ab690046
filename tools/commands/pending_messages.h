// `hermes send --pending` and `--drop ID`: what a user's outbox keeps, looked after from outside. Both throw CommandError.
#pragma once

#include <string>

#include "tools/cli/command_error.h"
#include "tools/cli/settings.h"

namespace hermes::tools {

// What waits for the server, and what it refused.
ExitCode show_pending_messages(const Settings& settings);
// Fails when there is no such message, and when a process that runs is sending it.
ExitCode drop_pending_message(const Settings& settings, const std::string& id);

}  // namespace hermes::tools
