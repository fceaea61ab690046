// The state of the whole system, as the database knows it: services, log, projections, waiting and refused messages. `hermes
// status` prints it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "eventstore/log/event_log.h"

namespace hermes::projections {

struct ServiceStatus {
  std::string service;  // ingester, projector
  std::string instance;
  std::string host;
  int pid = 0;
  std::string version;
  std::string state;          // starting, ready, degraded, stopped: as last reported
  std::string problem;        // one line
  std::string details;        // a JSON object of its measurements
  double seconds_behind = 0;  // of an ingester: how long the oldest message has waited in its spool
  int stuck_partitions = 0;   // of a projector that is degraded only by these
  Timestamp started_at;
  Timestamp beat_at;
  std::chrono::microseconds silent_for{0};
  bool live = false;  // beat within three intervals, and not stopped
};

struct LogStatus {
  struct Partition {
    eventstore::Partition partition = 0;
    eventstore::Offset next_offset = 0;
    std::int64_t parked = 0;
  };
  std::vector<Partition> partitions;
  std::optional<Timestamp> last_recorded_at;  // nothing: the log is empty
  std::int64_t events = 0;
  std::vector<std::string> missing_guards;  // eventstore/log/log_guards.h
};

struct ProjectionLag {
  std::string projection;
  eventstore::Partition partition = 0;
  eventstore::Offset next_offset = 0;
  std::int64_t events_behind = 0;
  double seconds_behind = 0;         // age of the oldest event that waits
  std::optional<std::string> owner;  // the process that works on it; nothing: none
  struct Stuck {
    eventstore::Offset offset = 0;
    std::string stream_id;
    std::string event_type;
    std::string reason;
    Timestamp since;
  };
  std::optional<Stuck> stuck;
};

// Rejected attempts that nobody has resolved, by reason, the most frequent first.
struct RejectedCount {
  std::string reason;
  std::int64_t count = 0;
  std::int64_t last_hour = 0;
  Timestamp newest;
};

struct ParkedCount {
  std::int64_t count = 0;
  std::optional<std::chrono::microseconds> oldest_for;
};

// Messages whose stream this version cannot read, and for one of them the event that cannot be read.
struct PostponedCount {
  std::int64_t count = 0;
  std::string reason;
};

struct SystemStatus {
  Timestamp at;  // the database's clock
  std::vector<ServiceStatus> services;
  LogStatus log;
  std::vector<ProjectionLag> projections;  // by name and partition
  ParkedCount parked;
  PostponedCount postponed;
  std::vector<RejectedCount> rejected;
};

// Runs in the given transaction; the role hermes_reader is enough. Throws pqxx's exceptions.
SystemStatus read_system_status(pqxx::transaction_base& transaction);

// Whether the service's only problem is stuck partitions, which status.projections reports in more detail.
bool is_told_by_projections(const ServiceStatus& service, const SystemStatus& status);

// The problems that an operator should look at: a line each, with what to do. Empty: all is well.
std::vector<std::string> problems_of(const SystemStatus& status, std::chrono::seconds lag_max);

}  // namespace hermes::projections
