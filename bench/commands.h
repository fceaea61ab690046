// The subcommands of hermes-bench that are no benchmarks themselves, and the options that they share with those.
#pragma once

#include "bench/bench.h"
#include "tools/cli/cli.h"
#include "tools/cli/options.h"

namespace hermes::bench {

tools::AddCommand add_compare;
tools::AddCommand add_peers;
tools::AddCommand add_processes;  // what benchmarks and fault tests measure with; not shown by --help

// --seconds, --count, --batch, --per-second, --with-projector.
void add_size_options(const tools::Command& command, Options& options);

}  // namespace hermes::bench
