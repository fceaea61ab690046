// The subcommands' way to the database.
#pragma once

#include <string>
#include <string_view>

#include "eventstore/postgres/connection.h"
#include "tools/cli/command_error.h"
#include "tools/cli/settings.h"

namespace hermes::tools {

// Connects, or throws CommandError(kUnreachable). `role`: hermes_ingester, hermes_projector, hermes_reader, or empty.
postgres::ConnectionPtr connect(const Settings& settings, std::string_view role = {});

// For a database that answers and takes no writes (eventstore::kTakesNoWrites): as good as out of reach to whoever wants to
// write, and what several hosts of POSTGRES_HOST end with when all of them are so. `words`: the server's.
CommandError takes_no_writes(const Settings& settings, const std::string& words);

}  // namespace hermes::tools
