#include "adapters/http/server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>

#include "adapters/http/router.h"
#include "base/host_and_port.h"

namespace hermes::http {
namespace {

// Connections that wait in the kernel to be accepted. The kernel caps it at net.core.somaxconn.
constexpr int kBacklog = 1'024;

// httplib's own pool lets its queue grow without limit. This one makes the accepting thread wait, so that further connections
// stay in the kernel's backlog.
class BoundedPool : public httplib::TaskQueue {
 public:
  BoundedPool(std::size_t threads, std::size_t waiting_max) : waiting_max_(waiting_max) {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }

  void enqueue(std::function<void()> task) override {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return waiting_.size() < waiting_max_ || stopped_; });
    waiting_.push_back(std::move(task));
    work_.notify_one();
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    work_.notify_all();
    room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void work() {
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [this] { return !waiting_.empty() || stopped_; });
        if (waiting_.empty()) return;
        task = std::move(waiting_.front());
        waiting_.pop_front();
      }
      room_.notify_one();
      task();
    }
  }

  const std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable room_;
  std::deque<std::function<void()>> waiting_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

Request from_httplib(const httplib::Request& from) {
  Request request{from.method, from.path, from.body, {}, {}, {}};
  for (const auto& [name, value] : from.params) request.query.emplace(name, value);
  for (const auto& [name, value] : from.headers) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    request.headers.emplace(std::move(lower), value);
  }
  return request;
}

void to_httplib(const Response& from, httplib::Response& to) {
  // Left to httplib where all is well: of a part that was asked for (Range) it says 206.
  if (from.status != 200) to.status = from.status;
  for (const auto& [name, value] : from.headers) to.set_header(name, value);
  to.set_content(from.body, from.content_type);
}

// The answer to a request that httplib itself refuses, before any handler.
Response refused(int status) {
  switch (status) {
    case 404: return problem(status, "Not Found", "There is nothing at this path.");
    case 413: return problem(status, "Content Too Large", "The body of the request is larger than this server takes.");
    case 414: return problem(status, "URI Too Long", "The path with its parameters is longer than this server takes.");
    case 415:
      return problem(status, "Unsupported Media Type", "The body of the request is of a kind that this server does not take.");
    default:
      return status < 500 ? problem(status, "Bad Request", "The request is not well-formed.")
                          : problem(status, "Internal Server Error", "The log of the service says more.");
  }
}

std::uint64_t announced_body_bytes(const httplib::Request& request) {
  const std::string text = request.get_header_value("Content-Length");
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  return error == std::errc::result_out_of_range ? std::numeric_limits<std::uint64_t>::max() : bytes;
}

// RFC 3986, 2.1. httplib takes what it can't decode as it stands, and a question for `50%` would be answered as one for `50`.
bool is_well_escaped(std::string_view target) {
  const auto is_hexadecimal = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t at = target.find('%'); at != std::string_view::npos; at = target.find('%', at + 1)) {
    if (at + 2 >= target.size() || !is_hexadecimal(target[at + 1]) || !is_hexadecimal(target[at + 2])) return false;
  }
  return true;
}

template <class Map>
std::optional<std::string> first_of(const Map& map, const std::string& name) {
  const auto found = map.find(name);
  if (found == map.end()) return std::nullopt;
  return found->second;
}

}  // namespace

std::optional<std::string> Request::query_value(const std::string& name) const { return first_of(query, name); }
std::optional<std::string> Request::header(const std::string& name) const { return first_of(headers, name); }

Response problem(int status, std::string_view title, std::string_view detail, std::string_view type) {
  boost::json::object body{{"type", type}, {"title", title}, {"status", status}};
  if (!detail.empty()) body.emplace("detail", detail);
  return {status, "application/problem+json", boost::json::serialize(body), {}};
}

class Server::Impl {
 public:
  explicit Impl(Settings settings) : settings_(std::move(settings)) {}
  ~Impl() { stop(); }

  void route(const std::string& method, const std::string& pattern, Handler handler) {
    router_.add(method, pattern, std::move(handler));
  }

  Result<Done, StartError> start() {
    configure();
    if (settings_.port == 0) {
      const int port = server_.bind_to_any_port(settings_.host);
      if (port <= 0) return cannot_listen();
      port_ = static_cast<std::uint16_t>(port);
    } else {
      if (!server_.bind_to_port(settings_.host, settings_.port)) return cannot_listen();
      port_ = settings_.port;
    }
    // httplib asks for a backlog of five; a connection beyond that is dropped, and its client learns so only after a minute.
    if (::listen(listener_, kBacklog) != 0) return cannot_listen();
    listening_ = std::thread([this] { server_.listen_after_bind(); });
    // stop() has no effect on a server that does not run yet, and would then wait for ever.
    while (!server_.is_running()) std::this_thread::yield();
    return Done{};
  }

  std::uint16_t port() const { return port_; }

  void stop() {
    if (!listening_.joinable()) return;
    server_.stop();
    listening_.join();
  }

 private:
  void configure() {
    server_.new_task_queue = [this] { return new BoundedPool(settings_.threads, settings_.waiting_max); };
    // httplib's default is SO_REUSEPORT: two services on one port would then share its connections, unnoticed.
    server_.set_socket_options([this](socket_t socket) {
      listener_ = socket;
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server_.set_tcp_nodelay(true);
    server_.set_payload_max_length(settings_.body_bytes_max);
    server_.set_read_timeout(settings_.read_timeout);
    server_.set_write_timeout(settings_.write_timeout);
    // One request a connection. httplib would take the body of a request that it does not read for the next request: behind a
    // proxy that keeps connections the next client would get the answer to what a stranger wrote there (request smuggling).
    // And a thread serves a connection until it ends: an idle one must not hold it from the others.
    server_.set_keep_alive_max_count(1);

    const auto serve = [this](const httplib::Request& from, httplib::Response& to) {
      Request request = from_httplib(from);
      to_httplib(router_.serve(request), to);
    };
    // Before the body is waited for: that of a POST without any would be in vain. One that is announced and not too large is
    // read first, for a connection that is closed with unread bytes is reset, and its client may never see the answer.
    server_.set_pre_routing_handler([this](const httplib::Request& from, httplib::Response& to) {
      const std::uint64_t announced = announced_body_bytes(from);
      std::optional<Response> refusal;
      if (announced > settings_.body_bytes_max) {
        refusal = refused(413);
      } else if (!is_well_escaped(from.target)) {
        refusal = problem(400, "Bad Request", "The address has a % that is not followed by two hexadecimal digits.");
      } else if (announced == 0 || from.method == "GET") {
        refusal = router_.refuse(from.method, from.path);
      }
      if (!refusal) return httplib::Server::HandlerResponse::Unhandled;
      to_httplib(*refusal, to);
      return httplib::Server::HandlerResponse::Handled;
    });
    server_.Get(".*", serve).Post(".*", serve).Put(".*", serve).Patch(".*", serve).Delete(".*", serve).Options(".*", serve);
    server_.set_error_handler([](const httplib::Request&, httplib::Response& to) {
      if (to.body.empty()) to_httplib(refused(to.status), to);
    });
    server_.set_exception_handler(
        [this](const httplib::Request& from, httplib::Response& to, const std::exception_ptr& thrown) {
          report(from, thrown);
          to_httplib(problem(500, "Internal Server Error", "The log of the service says more."), to);
        });
  }

  void report(const httplib::Request& request, const std::exception_ptr& thrown) const {
    if (!settings_.log_error) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      settings_.log_error("http: " + request.method + " " + request.path + ": " + error.what());
    } catch (...) {
      settings_.log_error("http: " + request.method + " " + request.path + ": an unknown exception");
    }
  }

  Result<Done, StartError> cannot_listen() const {
    return fail(
        StartError{"cannot listen on " + host_and_port(settings_.host, settings_.port) +
                   ": the port is taken, or the address is not of this machine. Choose another port (0 takes a free one)."});
  }

  const Settings settings_;
  Router router_;
  httplib::Server server_;
  std::uint16_t port_ = 0;
  socket_t listener_ = INVALID_SOCKET;  // httplib's; it closes it
  std::thread listening_;
};

Server::Server(Settings settings) : impl_(std::make_unique<Impl>(std::move(settings))) {}
Server::~Server() = default;
void Server::route(const std::string& method, const std::string& pattern, Handler handler) {
  impl_->route(method, pattern, std::move(handler));
}
Result<Done, StartError> Server::start() { return impl_->start(); }
std::uint16_t Server::port() const { return impl_->port(); }
void Server::stop() { impl_->stop(); }

}  // namespace hermes::http
