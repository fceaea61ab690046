// Every subcommand, in the order of `hermes --help`.
#pragma once

#include <array>

#include "tools/cli.h"

namespace hermes::tools {

// using AddCommand = void (*)(CLI::App& root, Cli& cli);  one per subcommand, for example:
// void add_migrate(CLI::App& root, Cli& cli);

}  // namespace hermes::tools
