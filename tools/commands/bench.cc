// hermes bench: the benchmarks are a program of their own, which stands beside this one where it is installed (bench/main.cc).
#include "tools/commands/bench.h"

#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "tools/cli/options.h"
#include "tools/commands/commands.h"

namespace hermes::tools {
namespace {

std::string bench_program() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "hermes-bench").string();
}

}  // namespace

void become_bench(int argc, char** argv) {
  if (argc < 2 || std::string_view(argv[1]) != "bench") return;
  ::execv(bench_program().c_str(), argv + 1);
}

void add_bench(const Command& root, Cli& cli) {
  const Command app = root.subcommand("bench", "Measures Hermes: runs hermes-bench, where that is installed beside hermes",
                                      {"hermes bench append --pairs 5 --json"});
  app.runs(cli, []() -> ExitCode {
    throw CommandError(kFoundProblem, "there is no " + bench_program() + ". Build it: ninja hermes-bench");
  });
}

}  // namespace hermes::tools
