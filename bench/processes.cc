// hermes-bench load, hermes-bench subscribe: the processes that benchmarks and fault tests measure with. Not shown in --help.
#include <boost/json.hpp>
#include <csignal>
#include <iostream>
#include <memory>

#include "bench/commands.h"
#include "bench/load/load.h"
#include "bench/load/subscriber.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"

namespace hermes::bench {
namespace {

using tools::Cli;
using tools::Command;
using tools::ExitCode;
using tools::kDone;

volatile std::sig_atomic_t stop_publishing = 0;

ExitCode run_load(const load::Settings& settings) {
  std::signal(SIGTERM, [](int) { stop_publishing = 1; });
  const load::Report report = load::run(settings, [] { return stop_publishing != 0; });
  tools::print_json(boost::json::object{{"started_us", report.started_us},
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

ExitCode run_subscribe(const SubscriberSettings& settings) {
  const std::int64_t last_at = subscribe_and_count(settings, [] { std::cout << "subscribed" << std::endl; });
  std::cout << last_at << std::endl;
  return kDone;
}

}  // namespace

void add_processes(const Command& root, Cli& cli) {
  auto load = std::make_shared<load::Settings>();
  auto milliseconds = std::make_shared<std::optional<std::int64_t>>();
  auto again_ms = std::make_shared<std::int64_t>(load->send_again_after.count());
  const Command load_app = root.subcommand("load", "Publishes messages at QoS 1 and prints what became of them.",
                                           {"hermes-bench load --port 1883 --count 10000"});
  load_app.hide();
  load_app.option("--port", load->port, "Port of the broker").required();
  load_app.option("--topic", load->topic_root, "Root of the topics");
  load_app.option("--prefix", load->prefix, "Of message ids and senders");
  load_app.option("--senders", load->senders, "Connections, each a user").between(1, 100);
  load_app.option("--per-second", load->per_second, "Messages of all senders; 0: as fast as the broker takes them");
  load_app.option("--count", load->count, "Messages");
  load_app.option("--milliseconds", *milliseconds, "How long, instead of a count");
  load_app.option("--payload-bytes", load->payload_bytes, "Size of each message");
  load_app.option("--unacknowledged", load->unacknowledged_max, "Messages on their way at most");
  load_app.option("--send-again-ms", *again_ms, "How long a message waits for its acknowledgement");
  load_app.flag("--acks", load->wait_for_acks, "Wait for received_by_server");
  load_app.option("--witness", load->witness_file, "The acknowledged ids, one a line");
  load_app.runs(cli, [load, milliseconds, again_ms] {
    if (*milliseconds) load->duration = std::chrono::milliseconds(**milliseconds);
    load->send_again_after = std::chrono::milliseconds(*again_ms);
    return run_load(*load);
  });

  auto subscriber = std::make_shared<SubscriberSettings>();
  const Command subscribe_app = root.subcommand("subscribe", "Counts messages, or answers each at once.",
                                                {"hermes-bench subscribe --port 1883 --count 10000"});
  subscribe_app.hide();
  subscribe_app.option("--port", subscriber->port, "Port of the broker").required();
  subscribe_app.option("--topic", subscriber->topic_root, "Root of the topics");
  subscribe_app.option("--count", subscriber->count, "Messages; then it ends").required();
  subscribe_app.flag("--answer", subscriber->answer, "Tell each sender received_by_server at once");
  subscribe_app.runs(cli, [subscriber] { return run_subscribe(*subscriber); });
}

}  // namespace hermes::bench
