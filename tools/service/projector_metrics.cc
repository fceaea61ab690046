#include "tools/service/projector_metrics.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace hermes::tools {
namespace {

using projections::PartitionStatus;
using projections::ProjectionStatus;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily family(std::string name, std::string help, MetricType type) {
  return {std::move(name), std::move(help), type, {}};
}

void add(MetricFamily& to, std::vector<ClientMetric::Label> labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  if (to.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  to.metric.push_back(std::move(metric));
}

// Reads the status anew for every scrape.
class ProjectorMetrics : public prometheus::Collectable {
 public:
  explicit ProjectorMetrics(const projections::Projector& projector) : projector_(projector) {}

  std::vector<MetricFamily> Collect() const override {
    auto connected =
        family("hermes_projection_connected", "Whether the worker has a connection to the database", MetricType::Gauge);
    auto events = family("hermes_projection_events_total", "Events folded since the start", MetricType::Counter);
    auto batches = family("hermes_projection_batches_total", "Transactions committed", MetricType::Counter);
    auto seconds = family("hermes_projection_batch_seconds_total", "Time spent in transactions", MetricType::Counter);
    auto failures = family("hermes_projection_failures_total", "Transactions that had to be tried again", MetricType::Counter);
    auto owned = family("hermes_projection_owned_partitions", "Partitions that this process works on", MetricType::Gauge);
    auto behind = family("hermes_projection_lag_events", "Events that wait in a partition", MetricType::Gauge);
    auto lag = family("hermes_projection_lag_seconds", "Since the oldest waiting event was recorded", MetricType::Gauge);
    auto stuck = family("hermes_projection_stuck", "1 for a partition that stopped at an event which can't be applied",
                        MetricType::Gauge);
    auto ahead = family("hermes_projection_ahead_of_log",
                        "1 for a partition whose checkpoint is past the log's end: events were removed", MetricType::Gauge);
    for (const auto& [name, status] : projector_.status()) {
      const ClientMetric::Label projection{"projection", name};
      add(connected, {projection}, status.connected ? 1 : 0);
      add(events, {projection}, static_cast<double>(status.events));
      add(batches, {projection}, static_cast<double>(status.batches));
      add(seconds, {projection}, status.batch_seconds);
      add(failures, {projection}, static_cast<double>(status.failures));
      add(owned, {projection}, static_cast<double>(status.partitions.size()));
      for (const auto& [number, partition] : status.partitions) {
        const std::vector<ClientMetric::Label> labels = {projection, {"partition", std::to_string(number)}};
        add(behind, labels, static_cast<double>(std::max<eventstore::Offset>(0, partition.head - partition.next_offset)));
        add(lag, labels, partition.seconds_behind);
        add(stuck, labels, partition.stuck ? 1 : 0);
        add(ahead, labels, partition.ahead_of_log ? 1 : 0);
      }
    }
    return {connected, events, batches, seconds, failures, owned, behind, lag, stuck, ahead};
  }

 private:
  const projections::Projector& projector_;
};

}  // namespace

std::shared_ptr<const prometheus::Collectable> projector_metrics(const projections::Projector& projector) {
  return std::make_shared<ProjectorMetrics>(projector);
}

}  // namespace hermes::tools
