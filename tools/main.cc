#include "tools/cli/cli.h"
#include "tools/commands/bench.h"
#include "tools/commands/commands.h"

int main(int argc, char** argv) {
  hermes::tools::become_bench(argc, argv);
  return hermes::tools::run(argc, argv, hermes::tools::kCommands);
}
