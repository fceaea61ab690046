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

void add_bench(CLI::App& root, Cli& cli) {
  CLI::App& app = add_subcommand(root, "bench", "Measures Hermes against a ceiling of the same run, on servers of its own.",
                                 {"hermes bench ingest", "hermes bench append --pairs 5 --json"});
  app.require_subcommand(1);
  add_bench_peers(app, cli);
  for (const bench::Benchmark& benchmark : bench::kBenchmarks) {
    auto options = std::make_shared<bench::Options>();
    CLI::App& each =
        add_subcommand(app, benchmark.name, benchmark.description, {std::string("hermes bench ") + benchmark.name + " --json"});
    each.add_option("--pairs", options->pairs, "Times that ceiling and ours are measured in turn")
        ->check(CLI::Range(1, 100))
        ->capture_default_str();
    each.add_option("--seconds", options->seconds, "Length of each measurement, where it goes by time")
        ->check(CLI::PositiveNumber);
    each.add_option("--count", options->count, "Size of each measurement, where it goes by number")->check(CLI::PositiveNumber);
    each.add_option("--batch", options->batch, "Batch size, where there is one")->check(CLI::PositiveNumber);
    each.add_option("--per-second", options->per_second, "The load, where the benchmark would find one by itself (latency)")
        ->check(CLI::PositiveNumber);
    each.add_flag("--with-projector", options->with_projector, "Projectors run beside it, where that makes sense");
    add_json_flag(each, cli.settings);
    each.callback([&cli, &benchmark, options] {
      cli.run = [&cli, &benchmark, options] { return run_benchmark(cli.settings, benchmark, *options); };
    });
  }
}

}  // namespace hermes::tools
