// A service's heartbeat: one row of service_heartbeats (migrations/0009), written every few seconds by a separate thread with
// its own connection, so that neither the service's work nor its problems delay it. A change of state is written within half a
// second. While the database is away nothing is written; the old row then shows that.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

struct Heartbeat {
  std::string state = "ready";  // starting, ready, degraded, stopped
  std::string problem;          // one line; empty when ready
  std::string details = "{}";   // a JSON object

  bool same_state(const Heartbeat& other) const { return state == other.state && problem == other.problem; }
};

class ServiceHeartbeat {
 public:
  // How the row is written, which depends on the role's rights.
  enum class Write {
    row,             // by hermes_ingester and hermes_projector, which may write to the table
    query_function,  // by hermes_reader, which may write nothing, through the function query_service_heartbeat
                     // (migrations/0021), which writes only the row of the service `query`
  };

  struct Settings {
    postgres::Settings postgres;
    Write write = Write::row;
    std::string service;   // ingester, projector, query
    std::string instance;  // unique among the processes of the service
    std::string version;
    std::chrono::seconds interval{5};
  };

  // `beat` is called on the heartbeat's thread. Rows of instances that have been silent for a day are removed now and then.
  ServiceHeartbeat(Settings settings, std::function<Heartbeat()> beat);
  ~ServiceHeartbeat();  // reports `stopped`, if the database can be reached at once

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::eventstore
