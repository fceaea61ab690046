// The processes that benchmarks and fault tests measure with, as subcommands that --help does not show.
#pragma once

#include "tools/cli/cli.h"

namespace hermes::bench {

tools::AddCommand add_peers;

}  // namespace hermes::bench
