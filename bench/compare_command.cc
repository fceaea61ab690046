// hermes-bench compare OLD NEW.
#include <boost/json.hpp>
#include <iostream>
#include <memory>

#include "bench/bench.h"
#include "bench/benchmarks/benchmarks.h"
#include "bench/commands.h"
#include "bench/compare.h"
#include "tests/servers/process.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"

namespace hermes::bench {
namespace {

using tools::Cli;
using tools::Command;
using tools::CommandError;
using tools::ExitCode;

// A benchmark that takes longer hangs.
constexpr std::chrono::hours kRunLimit{1};

struct Flags {
  std::string before;
  std::string after;
  std::vector<std::string> benchmarks{"append", "ingest", "project", "rebuild"};
  int pairs = 9;
  std::string detail;
  Options options;
};

void forward(const Options& options, std::vector<std::string>& command) {
  const auto forward_one = [&](const char* flag, const auto& value) {
    if (value) command.insert(command.end(), {flag, std::to_string(*value)});
  };
  forward_one("--seconds", options.seconds);
  forward_one("--count", options.count);
  forward_one("--batch", options.batch);
  forward_one("--per-second", options.per_second);
  if (options.with_projector) command.push_back("--with-projector");
}

MeasureBuild measure_by(const std::string& path, const Options& options) {
  auto found = bench_command(path);
  if (!found) throw CommandError(tools::kUsage, found.error());
  return [command = std::move(*found), options](const std::string& benchmark) {
    std::vector<std::string> whole = command;
    whole.insert(whole.end(), {benchmark, "--pairs", "1", "--json"});
    forward(options, whole);
    const private_servers::Finished finished = private_servers::run(whole, {}, {}, kRunLimit);
    if (finished.exit_code != 0) {
      throw CommandError(tools::kFoundProblem, command.front() + " " + benchmark + " ended with exit code " +
                                                   std::to_string(finished.exit_code) + ": " + last_line(finished.errors));
    }
    boost::system::error_code no_json;
    const boost::json::value printed = boost::json::parse(finished.output, no_json);
    if (no_json || !printed.is_object())
      throw CommandError(tools::kFoundProblem, command.front() + " " + benchmark + " printed no JSON");
    return printed.as_object();
  };
}

ExitCode run_compare(const tools::Settings& settings, const Flags& flags) {
  const MeasureBuild before = measure_by(flags.before, flags.options);
  const MeasureBuild after = measure_by(flags.after, flags.options);
  boost::json::array comparisons;
  bool slower = false;
  for (const std::string& benchmark : flags.benchmarks) {
    const Comparison comparison = compare(benchmark, flags.pairs, before, after, flags.detail);
    slower |= comparison.difference().verdict == Difference::Verdict::slower;
    if (settings.json) {
      comparisons.push_back(to_json(comparison));
    } else {
      std::cout << to_text(comparison) << std::flush;
    }
  }
  if (settings.json)
    tools::print_json(boost::json::object{{"comparisons", std::move(comparisons)}, {"machine", describe_machine()}});
  return slower ? tools::kFoundProblem : tools::kDone;
}

std::vector<std::string> benchmark_names() {
  std::vector<std::string> names;
  for (const Benchmark& benchmark : kBenchmarks) names.push_back(benchmark.name);
  return names;
}

}  // namespace

void add_compare(const Command& root, Cli& cli) {
  auto flags = std::make_shared<Flags>();
  const Command app = root.subcommand(
      "compare", "Runs two builds in turn and says whether they differ beyond the noise. Exit code 1: the new one is slower.",
      {"hermes-bench compare ../before/build/release build/release",
       "hermes-bench compare OLD NEW --benchmark rebuild --json"});
  app.option("old", flags->before, "The build before: a hermes-bench, a hermes, or the folder that it is in").required();
  app.option("new", flags->after, "The build after").required();
  app.option("--benchmark", flags->benchmarks, "Which, one or more times").one_of(benchmark_names()).default_shown();
  app.option("--pairs", flags->pairs, "Times that both are run; fewer than 6 can't tell a difference from noise")
      .between(1, 1000)
      .default_shown();
  app.option("--detail", flags->detail, "Compare this figure of each run instead of the speed (latency: ack_ms_p99)")
      .type_name("NAME")
      .not_empty();
  add_size_options(app, flags->options);
  add_json_flag(app, cli.settings);
  app.runs(cli, [&cli, flags] { return run_compare(cli.settings, *flags); });
}

}  // namespace hermes::bench
