// hermes bench: measures Hermes against a ceiling of the same run (bench/bench.h). It starts the servers it needs itself.
#include <iostream>
#include <memory>

#include "bench/benchmarks.h"
#include "tools/bench_peers.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/service.h"

namespace hermes::tools {
namespace {

ExitCode run_benchmark(const Settings& settings, const bench::Benchmark& benchmark, const bench::Options& options) {
  set_up_logging({.log_level = "warn"});  // of the parts that run in this process; to stderr
  const bench::BenchResult result = benchmark.run(options);
  if (settings.json) {
    print_json(bench::to_json(result));
  } else {
    std::cout << bench::to_text(result);
  }
  return kDone;
}

}  // namespace

void add_bench(const Command& root, Cli& cli) {
  const Command app = root.subcommand("bench", "Measures Hermes against a ceiling of the same run, on servers of its own.",
                                      {"hermes bench ingest", "hermes bench append --pairs 5 --json"});
  app.requires_subcommand();
  add_bench_peers(app, cli);
  for (const bench::Benchmark& benchmark : bench::kBenchmarks) {
    auto options = std::make_shared<bench::Options>();
    const Command each =
        app.subcommand(benchmark.name, benchmark.description, {std::string("hermes bench ") + benchmark.name + " --json"});
    each.option("--pairs", options->pairs, "Times that ceiling and ours are measured in turn").between(1, 100).default_shown();
    each.option("--seconds", options->seconds, "Length of each measurement, where it goes by time").positive();
    each.option("--count", options->count, "Size of each measurement, where it goes by number").positive();
    each.option("--batch", options->batch, "Batch size, where there is one").positive();
    each.option("--per-second", options->per_second, "The load, where the benchmark would find one by itself (latency)")
        .positive();
    each.flag("--with-projector", options->with_projector, "Projectors run beside it, where that makes sense");
    add_json_flag(each, cli.settings);
    each.runs(cli, [&cli, &benchmark, options] { return run_benchmark(cli.settings, benchmark, *options); });
  }
}

}  // namespace hermes::tools
