// hermes-bench ingest: 250-byte messages at QoS 1 from four senders, into the log, acknowledged; against a subscriber with the
// same client that only counts, its settings those that count most. With --with-projector the read models are kept up beside
// it.
#include "bench/benchmarks/ingest.h"

#include <vector>

#include "bench/benchmarks/benchmarks.h"

namespace hermes::bench {

BenchResult ingest(const Options& options) {
  constexpr std::uint64_t kMessages = 60'000;
  const std::uint64_t messages = options.count.value_or(kMessages);
  const std::string hermes = hermes_of_this_bench();
  Stack stack(hermes, as_deployed());

  BenchResult result;
  result.name = options.with_projector ? "ingest-with-projector" : "ingest";
  result.unit = "messages";
  result.ours_is = std::string("hermes ingest, committed (fsync on), acknowledged at QoS 0") +
                   (options.with_projector ? ", hermes project beside it" : "");
  result.ceiling_is = "a subscriber with the same client that only counts, with the settings that count most";
  result.target_ratio = options.with_projector ? 0.5 : 0.75;
  // The load generator by itself: a broker without subscribers takes what it can send.
  const load::Report alone = [&] {
    load::Settings settings;
    settings.port = stack.mosquitto().port();
    settings.prefix = "alone";
    settings.count = messages;
    return LoadProcess(hermes, settings).finish();
  }();

  result.pairs = run_pairs(
      [&] {
        const Counted counted = count_messages(stack, messages, SubscriberProcess::Answer::nothing);
        return Measurement{.per_s = counted.per_s,
                           .details = {{"load_cpu_us", counted.load.cpu_seconds * 1e6 / static_cast<double>(messages)},
                                       {"broker_cpu_us", counted.broker_cpu_us}}};
      },
      [&] {
        const Ingested ingested = ingest_messages(stack, messages, options.with_projector);
        Measurement measurement{.per_s = ingested.per_s,
                                .details = {{"acknowledged_per_s", ingested.acknowledged_per_s},
                                            {"ingester_cpu_us", ingested.ingester_cpu_us},
                                            {"broker_cpu_us", ingested.broker_cpu_us},
                                            {"ingester_resident_mib", ingested.resident_mib}}};
        if (options.with_projector) {
          measurement.details.emplace("projected_per_s", ingested.projected_per_s);
          measurement.details.emplace("projector_lag_s_max", ingested.lag_s_max);
        }
        return measurement;
      },
      options.pairs);
  // What acknowledging alone costs: each answer is a packet more for the broker to take and one more to give.
  const Counted answered = count_messages(stack, messages, SubscriberProcess::Answer::acknowledgement);
  result.more["messages"] = messages;
  std::vector<double> acknowledged;
  for (const Pair& pair : result.pairs) acknowledged.push_back(pair.ours.details.at("acknowledged_per_s") / pair.ceiling.per_s);
  result.more["acknowledged_ratio"] = median(acknowledged);
  result.more["answering_subscriber_per_s"] = answered.per_s;
  result.more["answering_subscriber_broker_cpu_us"] = answered.broker_cpu_us;
  result.more["load_generator_alone_per_s"] = static_cast<double>(messages) / alone.seconds;
  return result;
}

}  // namespace hermes::bench
