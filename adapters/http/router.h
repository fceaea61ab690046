// Which handler serves a method and path. Immutable once the server runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http/server.h"

namespace hermes::http {

class Router {
 public:
  void add(const std::string& method, std::string_view pattern, Handler handler);

  // The 404 or 405 that serve() would answer for any body. Nothing if there is a handler.
  std::optional<Response> refuse(const std::string& method, const std::string& path) const;

  // Fills request.parameters and runs the handler. 404 if no pattern matches, 405 with `Allow` if a pattern matches but not the
  // method.
  Response serve(Request& request) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace hermes::http
