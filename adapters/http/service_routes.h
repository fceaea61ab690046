// The routes of every service: GET /metrics (Prometheus text format 0.0.4), /healthz and /readyz.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/http/server.h"

namespace prometheus {
class Collectable;
}

namespace hermes::http {

void serve_metrics(Server& server, std::shared_ptr<const prometheus::Collectable> registry);

struct Health {
  bool ok = true;
  std::string detail;  // one line: what is wrong, or what it waits for
};
using HealthCheck = std::function<Health()>;  // must return at once: it only reads the service's own state

// 200 or 503, with {"status": "ok" | "failing", "service": ..., "detail": ...}. The name shows a caller that the port is
// another service's.
//   /healthz  the process works; if not, restarting it may help
//   /readyz   the service does its work now: broker and database are reached, no limit is reached
void serve_health(Server& server, const std::string& service, HealthCheck healthy, HealthCheck ready);

}  // namespace hermes::http
