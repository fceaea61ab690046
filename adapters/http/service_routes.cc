#include "adapters/http/service_routes.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <boost/json.hpp>
#include <utility>

namespace hermes::http {
namespace {

Response to_response(const std::string& service, const Health& health) {
  boost::json::object body{{"status", health.ok ? "ok" : "failing"}, {"service", service}};
  if (!health.detail.empty()) body.emplace("detail", health.detail);
  return {health.ok ? 200 : 503, "application/json", boost::json::serialize(body) + "\n", {{"Cache-Control", "no-store"}}};
}

}  // namespace

void serve_metrics(Server& server, std::shared_ptr<const prometheus::Collectable> registry) {
  server.get("/metrics", [registry = std::move(registry)](const Request&) {
    return Response{
        200, "text/plain; version=0.0.4; charset=utf-8", prometheus::TextSerializer().Serialize(registry->Collect()), {}};
  });
}

void serve_health(Server& server, const std::string& service, HealthCheck healthy, HealthCheck ready) {
  server.get("/healthz", [service, healthy = std::move(healthy)](const Request&) { return to_response(service, healthy()); });
  server.get("/readyz", [service, ready = std::move(ready)](const Request&) { return to_response(service, ready()); });
}

}  // namespace hermes::http
