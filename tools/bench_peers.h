#pragma once

#include "tools/cli.h"

namespace hermes::tools {

// Declares the subcommands of `hermes bench` that are processes to measure with, hidden from its --help.
void add_bench_peers(const Command& bench, Cli& cli);

}  // namespace hermes::tools
