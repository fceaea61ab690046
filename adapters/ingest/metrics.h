// What an ingester counts. Names carry their units (Prometheus, "Metric and label naming"); docs/metrics.md lists them for
// operators. Thread-safe.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>

#include "domain/rejection.h"

namespace hermes::ingest {

class Metrics {
 public:
  // Requires: `registry` outlives this; one Metrics a registry.
  explicit Metrics(prometheus::Registry& registry);

  prometheus::Counter& rejected(domain::RejectionReason reason) { return *rejected_[static_cast<std::size_t>(reason)]; }

 private:
  prometheus::Counter& counter(const char* name, const char* help);
  prometheus::Gauge& gauge(const char* name, const char* help);
  prometheus::Histogram& histogram(const char* name, const char* help, const prometheus::Histogram::BucketBoundaries& buckets);

  prometheus::Registry& registry_;
  std::array<prometheus::Counter*, domain::kRejectionReasons> rejected_{};

 public:
  prometheus::Counter& received;
  prometheus::Counter& not_taken;
  prometheus::Counter& appended;
  prometheus::Counter& duplicate;
  prometheus::Counter& parked;
  prometheus::Counter& postponed;
  prometheus::Counter& echoes_ignored;
  prometheus::Counter& retained_ignored;
  prometheus::Counter& empty_ignored;
  prometheus::Counter& times_forgotten;
  prometheus::Counter& parked_expired;
  prometheus::Counter& acks_published;
  prometheus::Counter& acks_dropped;
  prometheus::Counter& database_failures;
  prometheus::Histogram& batch_messages;
  prometheus::Histogram& commit_seconds;
  prometheus::Histogram& delay_seconds;
  prometheus::Gauge& spool_bytes;
  prometheus::Gauge& spool_messages;
  prometheus::Gauge& spool_age_seconds;
  prometheus::Gauge& queued_messages;
  prometheus::Gauge& broker_connected;
  prometheus::Gauge& database_connected;
  prometheus::Gauge& resident_bytes;
};

}  // namespace hermes::ingest
