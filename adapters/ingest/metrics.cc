#include "adapters/ingest/metrics.h"

#include <string>

namespace hermes::ingest {
namespace {

// From a message alone on a fast disk to a database that waited for its failover.
const prometheus::Histogram::BucketBoundaries kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                          0.25,  0.5,    1,     2.5,  5,     10,   60};
const prometheus::Histogram::BucketBoundaries kMessages = {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000};

}  // namespace

prometheus::Counter& Metrics::counter(const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add({});
}
prometheus::Gauge& Metrics::gauge(const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add({});
}
prometheus::Histogram& Metrics::histogram(const char* name, const char* help,
                                          const prometheus::Histogram::BucketBoundaries& buckets) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_).Add({}, buckets);
}

Metrics::Metrics(prometheus::Registry& registry)
    : registry_(registry),
      received(counter("hermes_ingest_received_messages_total", "Messages taken from the broker into the spool.")),
      not_taken(counter("hermes_ingest_not_taken_messages_total",
                        "Messages left with the broker because the spool could not take them.")),
      appended(counter("hermes_ingest_appended_messages_total", "Messages that became events in the log.")),
      duplicate(counter("hermes_ingest_duplicate_messages_total", "Messages that were in the log already.")),
      parked(counter("hermes_ingest_parked_messages_total", "Receipts put aside until their message comes.")),
      postponed(counter("hermes_ingest_postponed_messages_total",
                        "Attempts at messages that wait because their stream cannot be read.")),
      echoes_ignored(counter("hermes_ingest_echoes_ignored_total", "Statuses of the server that came back to it.")),
      retained_ignored(counter("hermes_ingest_retained_messages_ignored_total",
                               "Receipts, typing and malformed payloads ignored because the broker had retained them.")),
      empty_ignored(counter("hermes_ingest_empty_messages_ignored_total",
                            "Messages without a payload, by which clients clear what the broker retains.")),
      times_forgotten(counter("hermes_ingest_time_forgotten_messages_total",
                              "Messages taken without their timestamp, which is no time that can be read.")),
      parked_expired(counter("hermes_ingest_parked_expired_total", "Receipts rejected because their message did not come.")),
      acks_published(counter("hermes_ingest_acks_published_total", "received_by_server statuses handed to the broker.")),
      acks_dropped(counter("hermes_ingest_acks_dropped_total",
                           "received_by_server statuses that could not be published; senders ask again.")),
      database_failures(counter("hermes_ingest_database_failures_total", "Batches that the database did not commit at once.")),
      batch_messages(histogram("hermes_ingest_batch_messages", "Messages in one append transaction.", kMessages)),
      commit_seconds(histogram("hermes_ingest_commit_seconds", "Time of one append transaction, commit included.", kSeconds)),
      delay_seconds(
          histogram("hermes_ingest_delay_seconds", "Time from the broker's delivery of a message to its commit.", kSeconds)),
      spool_bytes(gauge("hermes_ingest_spool_bytes", "Size of the spool's files.")),
      spool_messages(gauge("hermes_ingest_spool_messages", "Messages in the spool that are not committed yet.")),
      spool_age_seconds(gauge("hermes_ingest_spool_age_seconds", "Age of the oldest message in the spool.")),
      queued_messages(gauge("hermes_ingest_queued_messages", "Messages in memory, waiting for a worker.")),
      broker_connected(gauge("hermes_ingest_broker_connected", "1 while connected to the broker.")),
      database_connected(gauge("hermes_ingest_database_connected", "1 while every worker can reach the database.")),
      resident_bytes(gauge("process_resident_memory_bytes", "Resident memory size in bytes.")) {
  auto& family = prometheus::BuildCounter()
                     .Name("hermes_ingest_rejected_messages_total")
                     .Help("Messages kept in rejected_events, by reason.")
                     .Register(registry_);
  for (std::size_t i = 0; i < rejected_.size(); ++i) {
    const auto reason = static_cast<domain::RejectionReason>(i);
    rejected_[i] = &family.Add({{"reason", std::string(domain::code(reason))}});
  }
}

}  // namespace hermes::ingest
