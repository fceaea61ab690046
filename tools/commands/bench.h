#pragma once

namespace hermes::tools {

// `hermes bench …` becomes hermes-bench, where that is installed beside hermes. Returns, if the command is another one, or
// there is no hermes-bench: then the subcommand says so.
void become_bench(int argc, char** argv);

}  // namespace hermes::tools
