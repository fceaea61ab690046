#include "tools/cli/local_service.h"

#include <httplib.h>

#include <utility>

#include "base/host_and_port.h"

namespace hermes::tools {
namespace {

std::string reachable(const std::string& host) {
  if (host.empty() || host == "0.0.0.0") return "127.0.0.1";
  return host == "::" ? "::1" : host;
}

}  // namespace

LocalService::LocalService(std::string host, std::uint16_t port, std::chrono::seconds limit)
    : host_(std::move(host)), port_(port), limit_(limit), address_(host_and_port(reachable(host_), port)) {}

httplib::Result LocalService::get(const std::string& path) {
  const auto ask = [&](const std::string& host) {
    address_ = host_and_port(host, port_);
    httplib::Client client(host, port_);
    client.set_connection_timeout(limit_);
    client.set_read_timeout(limit_);
    return client.Get(path);
  };
  httplib::Result answer = ask(reachable(host_));
  if (answer || answer.error() != httplib::Error::Connection || !host_.empty()) return answer;
  const std::string first = address_;
  httplib::Result other = ask("::1");
  if (other || other.error() != httplib::Error::Connection) return other;
  address_ = first;
  return answer;
}

}  // namespace hermes::tools
