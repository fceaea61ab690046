// A small HTTP server for clients on the same machine: metrics and health of a service, and the read-only API of `hermes
// serve`. It uses cpp-httplib, whose header only server.cc includes.
//
// Everything is bounded: threads, waiting connections, body, time to read and write. Errors are problem+json (RFC 9457).
// Routes are added before start(); handlers run on the server's threads, several at once, and must be thread-safe.
//
//   Server server({.port = 9464});
//   server.get("/messages/{id}", [](const Request& request) { return Response{.body = find(request.parameter("id"))}; });
//   if (auto started = server.start(); !started) ...
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hermes::http {

struct Settings {
  std::string host = "127.0.0.1";  // anything but loopback is for the caller to justify
  std::uint16_t port = 0;          // 0: a free one, see port()
  std::size_t threads = 2;         // a scraper and a person
  std::size_t waiting_max = 64;    // connections accepted and waiting for a thread; more wait in the kernel
  std::size_t body_bytes_max = 64 * 1024;
  std::chrono::seconds read_timeout{5};                    // how long a client that sends slowly holds a thread
  std::chrono::seconds write_timeout{5};                   // how long one that reads slowly does
  std::function<void(const std::string& line)> log_error;  // gets what a handler threw, and where; the client does not
};

struct Request {
  std::string method;
  std::string path;
  std::string body;
  std::map<std::string, std::string> parameters;    // of the pattern: "/messages/{id}" gives "id", percent-decoded
  std::multimap<std::string, std::string> query;    // percent-decoded
  std::multimap<std::string, std::string> headers;  // names in lower case

  const std::string& parameter(const std::string& name) const { return parameters.at(name); }
  std::optional<std::string> query_value(const std::string& name) const;  // the first of that name
  std::optional<std::string> header(const std::string& lower_case_name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
};

// An error in the form of RFC 9457. `detail` is for people; it must hold nothing secret.
Response problem(int status, std::string_view title, std::string_view detail = {}, std::string_view type = "about:blank");

using Handler = std::function<Response(const Request&)>;

struct StartError {
  std::string message;  // one line: what, where, what to do
};

class Server {
 public:
  explicit Server(Settings settings);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // `pattern`: segments separated by '/', each a text or {name}, which matches one non-empty segment. The first route that
  // matches serves. HEAD gets the answer of GET without its body. Requires: before start().
  void get(const std::string& pattern, Handler handler) { route("GET", pattern, std::move(handler)); }
  void post(const std::string& pattern, Handler handler) { route("POST", pattern, std::move(handler)); }
  void route(const std::string& method, const std::string& pattern, Handler handler);

  // Binds and serves from threads of its own; returns once it does.
  Result<Done, StartError> start();
  std::uint16_t port() const;  // Requires: started

  // Takes no more connections and waits for the requests under way. May be called twice.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hermes::http
