// What every service shows: GET /metrics (Prometheus text format 0.0.4), /healthz and /readyz.
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
using HealthCheck = std::function<Health()>;  // must return at once: it reads what the service knows, it does not go and look

// 200 or 503, with {"status": "ok" | "failing", "service": ..., "detail": ...}. The name tells who asks at a wrong port.
//   /healthz  the process works: when it fails, restarting it may help
//   /readyz   it does its job now: broker and database are reached, nothing is at its limit
void serve_health(Server& server, const std::string& service, HealthCheck healthy, HealthCheck ready);

}  // namespace hermes::http
