// hermes bench load, hermes bench subscribe: the processes that benchmarks and fault tests measure with. Not shown in --help.
#include "tools/bench_peers.h"

#include <boost/json.hpp>
#include <csignal>
#include <iostream>
#include <memory>

#include "bench/load/load.h"
#include "bench/subscriber.h"
#include "tools/options.h"
#include "tools/output.h"

namespace hermes::tools {
namespace {

volatile std::sig_atomic_t stop_publishing = 0;

ExitCode run_load(const load::Settings& settings) {
  std::signal(SIGTERM, [](int) { stop_publishing = 1; });
  const load::Report report = load::run(settings, [] { return stop_publishing != 0; });
  print_json(boost::json::object{{"started_us", report.started_us},
                                 {"published", report.published},
                                 {"taken", report.taken},
                                 {"acknowledged", report.acknowledged},
                                 {"sent_again", report.sent_again},
                                 {"reconnects", report.reconnects},
                                 {"publish_seconds", report.publish_seconds},
                                 {"seconds", report.seconds},
                                 {"cpu_seconds", report.cpu_seconds},
                                 {"ack_ms_p50", report.ack_ms_p50},
                                 {"ack_ms_p99", report.ack_ms_p99},
                                 {"ack_ms_max", report.ack_ms_max},
                                 {"complete", report.complete}});
  return kDone;
}

ExitCode run_subscribe(const bench::SubscriberSettings& settings) {
  const std::int64_t last_at = bench::subscribe_and_count(settings, [] { std::cout << "subscribed" << std::endl; });
  std::cout << last_at << std::endl;
  return kDone;
}

}  // namespace

void add_bench_peers(CLI::App& bench, Cli& cli) {
  auto load = std::make_shared<load::Settings>();
  auto milliseconds = std::make_shared<std::optional<std::int64_t>>();
  auto again_ms = std::make_shared<std::int64_t>(load->send_again_after.count());
  CLI::App& load_app = add_subcommand(bench, "load", "Publishes messages at QoS 1 and prints what became of them.",
                                      {"hermes bench load --port 1883 --count 10000"});
  load_app.group("");
  load_app.add_option("--port", load->port)->required();
  load_app.add_option("--topic", load->topic_root);
  load_app.add_option("--prefix", load->prefix);
  load_app.add_option("--senders", load->senders)->check(CLI::Range(1, 100));
  load_app.add_option("--per-second", load->per_second);
  load_app.add_option("--count", load->count);
  load_app.add_option("--milliseconds", *milliseconds);
  load_app.add_option("--payload-bytes", load->payload_bytes);
  load_app.add_option("--unacknowledged", load->unacknowledged_max);
  load_app.add_option("--send-again-ms", *again_ms);
  load_app.add_flag("--acks", load->wait_for_acks);
  load_app.add_option("--witness", load->witness_file);
  load_app.callback([&cli, load, milliseconds, again_ms] {
    cli.run = [load, milliseconds, again_ms] {
      if (*milliseconds) load->duration = std::chrono::milliseconds(**milliseconds);
      load->send_again_after = std::chrono::milliseconds(*again_ms);
      return run_load(*load);
    };
  });

  auto subscriber = std::make_shared<bench::SubscriberSettings>();
  CLI::App& subscribe_app = add_subcommand(bench, "subscribe", "Counts messages, or answers each at once.",
                                           {"hermes bench subscribe --port 1883 --count 10000"});
  subscribe_app.group("");
  subscribe_app.add_option("--port", subscriber->port)->required();
  subscribe_app.add_option("--topic", subscriber->topic_root);
  subscribe_app.add_option("--count", subscriber->count)->required();
  subscribe_app.add_flag("--answer", subscriber->answer);
  subscribe_app.callback([&cli, subscriber] { cli.run = [subscriber] { return run_subscribe(*subscriber); }; });
}

}  // namespace hermes::tools
