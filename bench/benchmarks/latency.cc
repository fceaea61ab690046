// hermes-bench latency: at half of the rate that `ingest` sustains (or at --per-second), how long a sender waits for its
// acknowledgement, against a subscriber that acknowledges at once; and how long until the row is in chat_messages, with
// projectors live.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <pqxx/pqxx>
#include <stdexcept>
#include <thread>

#include "bench/benchmarks/benchmarks.h"
#include "bench/benchmarks/ingest.h"
#include "bench/load/connection.h"
#include "eventstore/postgres/connection.h"

namespace hermes::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kRateMessages = 40'000;
constexpr double kSeconds = 8;
// Of the same load before each measurement, not counted: processes and database sessions that have just begun fill their
// caches.
constexpr double kWarmUpSeconds = 2;
// How often the probe asks for its row: what it tells is at most so much too late. Each millisecond would be a tenth of a core.
constexpr std::chrono::milliseconds kLook{4};

double milliseconds(Clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

// Sends one message after another beside the load and asks the database for its row until it is there.
class RowProbe {
 public:
  RowProbe(Stack& stack, std::string prefix) : prefix_(std::move(prefix)), port_(stack.mosquitto().port()) {
    auto connected = postgres::connect(stack.postgres().superuser());
    if (!connected) throw std::runtime_error(connected.error().message);
    database_ = std::move(*connected);
    database_->prepare("row", "SELECT count(*) FROM chat_messages WHERE message_id = $1");
    thread_ = std::thread([this] { run(); });
  }
  ~RowProbe() { finish(); }

  std::vector<double> finish() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return visible_ms_;
  }

 private:
  void run() {
    load::Connection broker;
    broker.open(port_, prefix_ + "-probe");
    load::Connection::Received received;
    while (!received.connected) {
      if (!broker.send() || !broker.receive(received)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    for (int number = 0; !stopping_; ++number) {
      const std::string id = prefix_ + "-probe-" + std::to_string(number);
      const Clock::time_point sent = Clock::now();
      broker.publish(
          "chat/messages/probed",
          R"({"message_id":")" + id + R"(","sender_id":"probe","sender_name":"Probe","receiver_id":"probed","content":"x"})",
          0);
      if (!broker.send()) return;
      while (!visible(id)) {
        if (Clock::now() - sent > std::chrono::seconds(30)) return;
        std::this_thread::sleep_for(kLook);
      }
      visible_ms_.push_back(milliseconds(Clock::now() - sent));
      if (!broker.receive(received)) return;
    }
  }

  bool visible(const std::string& id) {
    pqxx::nontransaction work(*database_);
    return work.exec_prepared1("row", id)[0].as<int>() > 0;
  }

  std::string prefix_;
  std::uint16_t port_;
  postgres::ConnectionPtr database_;
  std::atomic<bool> stopping_ = false;
  std::vector<double> visible_ms_;
  std::thread thread_;
};

load::Settings paced_load(std::uint16_t port, double per_s, double seconds, const std::string& prefix) {
  load::Settings settings;
  settings.port = port;
  settings.prefix = prefix;
  settings.per_second = per_s;
  settings.count = static_cast<std::uint64_t>(per_s * seconds);
  settings.wait_for_acks = true;
  return settings;
}

std::map<std::string, double> ack_figures(const load::Report& report) {
  return {{"ack_ms_p50", report.ack_ms_p50},
          {"ack_ms_p99", report.ack_ms_p99},
          {"ack_ms_max", report.ack_ms_max},
          {"sent_again", static_cast<double>(report.sent_again)}};
}

}  // namespace

BenchResult latency(const Options& options) {
  const std::string hermes = hermes_of_this_bench();
  const double seconds = options.seconds.value_or(kSeconds);
  Stack stack(hermes, as_deployed());
  const double rate = options.per_second
                          ? *options.per_second
                          : ingest_messages(stack, options.count.value_or(kRateMessages), /*with_projector=*/true).per_s / 2;
  int run = 0;

  BenchResult result;
  result.name = options.per_second ? "latency-" + std::to_string(std::lround(rate)) : "latency";
  result.unit = "messages";
  result.ours_is = "hermes ingest and hermes project at half of the sustained rate; the time from publish to acknowledgement";
  result.ceiling_is = "a subscriber that acknowledges at once, under the same load";
  std::vector<double> row_ms;
  result.pairs = run_pairs(
      [&] {
        const std::string prefix = "echo" + std::to_string(++run);
        const load::Settings warm_up = paced_load(stack.mosquitto().port(), rate, kWarmUpSeconds, prefix + "-warm-up");
        const load::Settings settings = paced_load(stack.mosquitto().port(), rate, seconds, prefix);
        SubscriberProcess subscriber(hermes, settings.port, SubscriberProcess::Answer::acknowledgement,
                                     warm_up.count + settings.count);
        LoadProcess(hermes, warm_up).finish();
        const load::Report report = LoadProcess(hermes, settings).finish();
        subscriber.finish();
        return Measurement{.per_s = static_cast<double>(report.acknowledged) / report.seconds, .details = ack_figures(report)};
      },
      [&] {
        Service ingester = stack.ingester();
        Service projector = stack.projector();
        ingester.start();
        projector.start();
        ingester.wait_ready();
        projector.wait_ready();
        const std::string prefix = "latency" + std::to_string(++run);
        LoadProcess(hermes, paced_load(stack.mosquitto().port(), rate, kWarmUpSeconds, prefix + "-warm-up")).finish();
        LoadProcess process(hermes, paced_load(stack.mosquitto().port(), rate, seconds, prefix));
        RowProbe probe(stack, prefix);
        const load::Report report = process.finish();
        const std::vector<double> visible_ms = probe.finish();
        Measurement measurement{.per_s = static_cast<double>(report.acknowledged) / report.seconds,
                                .details = ack_figures(report)};
        measurement.details.emplace("row_visible_ms_p50", percentile(visible_ms, 0.5));
        measurement.details.emplace("row_visible_ms_p99", percentile(visible_ms, 0.99));
        measurement.details.emplace("row_probes", static_cast<double>(visible_ms.size()));
        ingester.stop();
        projector.stop();
        end_session(stack);
        return measurement;
      },
      options.pairs);
  result.more["rate_asked_per_s"] = rate;
  result.more["targets"] = "ack_ms_p99 at most 25 ms above the ceiling's; row_visible_ms_p99 below 50 ms";
  return result;
}

}  // namespace hermes::bench
