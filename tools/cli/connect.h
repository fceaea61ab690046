// Connects subcommands to the database.
#pragma once

#include <string>
#include <string_view>

#include "eventstore/postgres/connection.h"
#include "tools/cli/command_error.h"
#include "tools/cli/settings.h"

namespace hermes::tools {

// Connects, or throws CommandError(kUnreachable). `role`: hermes_ingester, hermes_projector, hermes_reader, or empty.
postgres::ConnectionPtr connect(const Settings& settings, std::string_view role = {});

// The error for a database that answers but takes no writes (eventstore::kTakesNoWrites): to a command that writes it counts as
// out of reach. With several hosts in POSTGRES_HOST, all of them are so. `words`: the server's message.
CommandError takes_no_writes(const Settings& settings, const std::string& words);

}  // namespace hermes::tools
