#include "tools/cli.h"
#include "tools/commands.h"

int main(int argc, char** argv) {
  return hermes::tools::run(argc, argv, hermes::tools::kCommands);
}
