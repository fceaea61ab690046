#include "adapters/http/router.h"

#include <optional>
#include <set>

namespace hermes::http {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  for (;;) {
    const std::size_t slash = path.find('/');
    segments.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_parameter(std::string_view segment) { return segment.size() > 2 && segment.front() == '{' && segment.back() == '}'; }

std::string handled_as(const std::string& method) { return method == "HEAD" ? "GET" : method; }

using Parameters = std::map<std::string, std::string>;

std::optional<Parameters> match(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  Parameters parameters;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_parameter(pattern[i])) {
      if (path[i].empty()) return std::nullopt;
      parameters.emplace(pattern[i].substr(1, pattern[i].size() - 2), path[i]);
    } else if (pattern[i] != path[i]) {
      return std::nullopt;
    }
  }
  return parameters;
}

}  // namespace

void Router::add(const std::string& method, std::string_view pattern, Handler handler) {
  routes_.push_back({method, split(pattern), std::move(handler)});
}

Response Router::serve(Request& request) const {
  const std::vector<std::string> path = split(request.path);
  const std::string method = handled_as(request.method);
  for (const Route& route : routes_) {
    if (route.method != method) continue;
    std::optional<Parameters> parameters = match(route.segments, path);
    if (!parameters) continue;
    request.parameters = std::move(*parameters);
    return route.handler(request);
  }
  return *refuse(request.method, request.path);
}

std::optional<Response> Router::refuse(const std::string& asked_method, const std::string& asked_path) const {
  const std::vector<std::string> path = split(asked_path);
  std::set<std::string> allowed;
  for (const Route& route : routes_) {
    if (match(route.segments, path)) allowed.insert(route.method);
  }
  if (allowed.contains(handled_as(asked_method))) return std::nullopt;
  if (allowed.empty()) return problem(404, "Not Found", "There is nothing at this path.");
  std::string names;
  for (const std::string& name : allowed) names += (names.empty() ? "" : ", ") + name;
  Response response = problem(405, "Method Not Allowed", "This path takes " + names + ".");
  response.headers.emplace_back("Allow", names);
  return response;
}

}  // namespace hermes::http
