// hermes-bench: measures Hermes against a ceiling of the same run (bench/bench.h). It starts the servers it needs itself, and
// the hermes that stands beside it.
#include <iostream>
#include <memory>

#include "bench/benchmarks/benchmarks.h"
#include "bench/commands.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/service/service.h"

namespace hermes::bench {
namespace {

using tools::Cli;
using tools::Command;

tools::ExitCode run_benchmark(const tools::Settings& settings, const Benchmark& benchmark, const Options& options) {
  tools::set_up_logging({.log_level = "warn"});  // of the parts that run in this process; to stderr
  const BenchResult result = benchmark.run(options);
  if (settings.json) {
    tools::print_json(to_json(result));
  } else {
    std::cout << to_text(result);
  }
  return tools::kDone;
}

void add_benchmarks(const Command& root, Cli& cli) {
  for (const Benchmark& benchmark : kBenchmarks) {
    auto options = std::make_shared<Options>();
    const Command each =
        root.subcommand(benchmark.name, benchmark.description, {std::string("hermes-bench ") + benchmark.name + " --json"});
    each.option("--pairs", options->pairs, "Times that ceiling and ours are measured in turn").between(1, 100).default_shown();
    add_size_options(each, *options);
    add_json_flag(each, cli.settings);
    each.runs(cli, [&cli, &benchmark, options] { return run_benchmark(cli.settings, benchmark, *options); });
  }
}

constexpr tools::AddCommand* kCommands[] = {add_benchmarks, add_compare, add_peers, add_processes};

}  // namespace

void add_size_options(const Command& command, Options& options) {
  command.option("--seconds", options.seconds, "Length of each measurement, where it goes by time").positive();
  command.option("--count", options.count, "Size of each measurement, where it goes by number").positive();
  command.option("--batch", options.batch, "Batch size, where there is one").positive();
  command.option("--per-second", options.per_second, "The load, where the benchmark would find one by itself (latency)")
      .positive();
  command.flag("--with-projector", options.with_projector, "Projectors run beside it, where that makes sense");
}

}  // namespace hermes::bench

int main(int argc, char** argv) {
  return hermes::tools::run(argc, argv, hermes::bench::kCommands,
                            {.name = "hermes-bench",
                             .description = "Measures Hermes against a ceiling of the same run, on servers of its own.",
                             .example = "hermes-bench append --pairs 5 --json"});
}
