#include "adapters/http/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <httplib.h>
#include <netinet/in.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <thread>

#include "adapters/http/service_routes.h"

namespace hermes::http {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RunningServer {
 public:
  template <class AddRoutes>
  explicit RunningServer(AddRoutes add_routes, Settings settings = {}) : server_(std::move(settings)) {
    add_routes(server_);
    const auto started = server_.start();
    if (!started) throw std::runtime_error(started.error().message);
    client_ = std::make_unique<httplib::Client>("127.0.0.1", server_.port());
  }
  httplib::Client& client() { return *client_; }
  Server& server() { return server_; }

 private:
  Server server_;
  std::unique_ptr<httplib::Client> client_;
};

boost::json::object problem_of(const httplib::Result& result) {
  EXPECT_EQ(result->get_header_value("Content-Type"), "application/problem+json");
  return boost::json::parse(result->body).as_object();
}

TEST(HttpServer, GivesParametersAndQueryToTheHandler) {
  RunningServer running([](Server& server) {
    server.get("/messages/{id}/events", [](const Request& request) {
      return Response{.body = request.parameter("id") + " " + request.query_value("at").value_or("now")};
    });
  });
  const auto result = running.client().Get("/messages/a%20b/events?at=1%3A2");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  EXPECT_EQ(result->body, "a b 1:2");
}

TEST(HttpServer, AnUnknownPathIsAProblem) {
  RunningServer running([](Server&) {});
  const auto result = running.client().Get("/nothing");
  EXPECT_EQ(result->status, 404);
  EXPECT_EQ(problem_of(result).at("status"), 404);
}

TEST(HttpServer, AWrongMethodIsToldTheRightOnes) {
  RunningServer running([](Server& server) {
    server.get("/here", [](const Request&) { return Response{}; });
    server.route("DELETE", "/here", [](const Request&) { return Response{}; });
  });
  const auto result = running.client().Post("/here", "body", "text/plain");
  EXPECT_EQ(result->status, 405);
  EXPECT_EQ(result->get_header_value("Allow"), "DELETE, GET");
  EXPECT_EQ(problem_of(result).at("title"), "Method Not Allowed");
}

TEST(HttpServer, ABodyOverTheLimitIsRefused) {
  Settings settings;
  settings.body_bytes_max = 100;
  RunningServer running(
      [](Server& server) { server.post("/", [](const Request& request) { return Response{.body = request.body}; }); },
      settings);
  EXPECT_EQ(running.client().Post("/", std::string(100, 'x'), "text/plain")->body, std::string(100, 'x'));
  const auto result = running.client().Post("/", std::string(101, 'x'), "text/plain");
  EXPECT_EQ(result->status, 413);
  EXPECT_EQ(problem_of(result).at("status"), 413);
}

// All that a client gets that says just this, until the server ends the connection.
std::string all_answers_to(std::uint16_t port, const std::string& request, const std::string& a_moment_later = {}) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::send(socket, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  // Longer than a server that goes on with the connection keeps it.
  const timeval limit{.tv_sec = 60, .tv_usec = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::string answers;
  char bytes[4096];
  for (ssize_t got = 0; (got = ::recv(socket, bytes, sizeof bytes, 0)) > 0;) {
    if (answers.empty()) ::send(socket, a_moment_later.data(), a_moment_later.size(), MSG_NOSIGNAL);
    answers.append(bytes, static_cast<std::size_t>(got));
  }
  ::close(socket);
  return answers;
}

// The first line of the answer to a client that says just this, and sends nothing more.
std::string answer_to(std::uint16_t port, const std::string& request) {
  const std::string answer = all_answers_to(port, request);
  return answer.substr(0, answer.find("\r\n"));
}

TEST(HttpServer, AWrongMethodIsToldSoWithoutWaitingForABody) {
  RunningServer running([](Server& server) { server.get("/here", [](const Request&) { return Response{}; }); });
  for (const std::string method : {"POST", "PUT", "PATCH", "DELETE"}) {
    EXPECT_EQ(answer_to(running.server().port(), method + " /here HTTP/1.1\r\nHost: x\r\n\r\n"),
              "HTTP/1.1 405 Method Not Allowed");
  }
}

TEST(HttpServer, ABodyOverTheLimitIsRefusedWithAGetToo) {
  RunningServer running([](Server& server) { server.get("/here", [](const Request&) { return Response{}; }); });
  const std::string get = "GET /here HTTP/1.1\r\nHost: x\r\nContent-Length: ";
  EXPECT_EQ(answer_to(running.server().port(), get + "3000000\r\n\r\n"), "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(answer_to(running.server().port(), get + "99999999999999999999999\r\n\r\n"), "HTTP/1.1 413 Payload Too Large");
  EXPECT_EQ(answer_to(running.server().port(), get + "0\r\n\r\n"), "HTTP/1.1 200 OK");
}

// Otherwise, behind a proxy, the next client would get the answer to what a stranger wrote in a body.
TEST(HttpServer, ABodyIsNeverTakenForTheNextRequest) {
  RunningServer running([](Server& server) { server.get("/here", [](const Request&) { return Response{.body = "secret"}; }); });
  const std::string hidden = "GET /here HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string length = "Content-Length: " + std::to_string(hidden.size()) + "\r\n\r\n";
  for (const std::string& request :
       {"GET /nothing HTTP/1.1\r\nHost: x\r\n" + length, "FOO /here HTTP/1.1\r\nHost: x\r\n" + length,
        std::string("GET /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
        std::string("POST /here HTTP/1.1\r\nHost: x\r\n\r\n"),
        std::string("GET /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")}) {
    EXPECT_THAT(all_answers_to(running.server().port(), request, hidden), Not(HasSubstr("secret"))) << request;
    EXPECT_THAT(all_answers_to(running.server().port(), request + hidden), Not(HasSubstr("secret"))) << request;
  }
}

TEST(HttpServer, ABodyThatNobodyWantsIsReadBeforeItsClientIsRefused) {
  RunningServer running([](Server& server) { server.get("/here", [](const Request&) { return Response{}; }); });
  const std::string answer =
      all_answers_to(running.server().port(), "POST /here HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_THAT(answer, AllOf(HasSubstr("405 Method Not Allowed"), HasSubstr("Connection: close"), HasSubstr("problem+json")));
}

TEST(HttpServer, APartThatIsAskedForIsToldAsAPart) {
  RunningServer running(
      [](Server& server) { server.get("/here", [](const Request&) { return Response{.body = "0123456789"}; }); });
  const auto part = running.client().Get("/here", {{"Range", "bytes=2-4"}});
  EXPECT_EQ(part->status, 206);
  EXPECT_EQ(part->body, "234");
  EXPECT_EQ(running.client().Get("/here")->status, 200);
}

TEST(HttpServer, AnAddressThatCannotBeDecodedIsRefused) {
  RunningServer running([](Server& server) { server.get("/here", [](const Request&) { return Response{}; }); });
  for (const char* target : {"/here?user=%zz", "/here?user=100%", "/here?user=%u00e4", "/here?user=%4", "/%g0"})
    EXPECT_EQ(answer_to(running.server().port(), std::string("GET ") + target + " HTTP/1.1\r\nHost: x\r\n\r\n"),
              "HTTP/1.1 400 Bad Request")
        << target;
  EXPECT_EQ(answer_to(running.server().port(), "GET /here?user=%c3%A4 HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 OK");
}

TEST(HttpServer, AnExceptionIsLoggedAndNotShown) {
  Settings settings;
  std::string logged;
  settings.log_error = [&](const std::string& line) { logged = line; };
  RunningServer running(
      [](Server& server) {
        server.get("/broken", [](const Request&) -> Response { throw std::runtime_error("password=secret"); });
      },
      settings);
  const auto result = running.client().Get("/broken");
  EXPECT_EQ(result->status, 500);
  EXPECT_THAT(result->body, testing::Not(HasSubstr("secret")));
  running.server().stop();  // its threads have ended: what they wrote can be read
  EXPECT_THAT(logged, HasSubstr("GET /broken: password=secret"));
}

TEST(HttpServer, ATakenPortIsAnErrorNotShared) {
  RunningServer running([](Server&) {});
  Settings settings;
  settings.port = running.server().port();
  Server second(settings);
  const auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("127.0.0.1:" + std::to_string(settings.port)));
}

TEST(HttpServer, ServesManyClientsWithFewThreads) {
  Settings settings;
  settings.threads = 2;
  settings.waiting_max = 1;
  RunningServer running([](Server& server) { server.get("/", [](const Request&) { return Response{.body = "here"}; }); },
                        settings);
  std::atomic<int> served{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      httplib::Client client("127.0.0.1", running.server().port());
      client.set_keep_alive(false);
      for (int j = 0; j < 10; ++j) {
        if (const auto result = client.Get("/"); result && result->body == "here") ++served;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(served, 80);
}

TEST(HttpServer, StopsWhileAConnectionIsIdle) {
  RunningServer running([](Server& server) { server.get("/", [](const Request&) { return Response{}; }); });
  running.client().set_keep_alive(true);
  ASSERT_TRUE(running.client().Get("/"));
  running.server().stop();
  running.server().stop();
  EXPECT_FALSE(running.client().Get("/"));
}

TEST(ServiceRoutes, HealthAndReadinessAreToldApart) {
  RunningServer running([](Server& server) {
    serve_health(
        server, "ingester", [] { return Health{}; },
        [] {
          return Health{false, "the broker is out of reach"};
        });
  });
  const auto healthy = running.client().Get("/healthz");
  EXPECT_EQ(healthy->status, 200);
  EXPECT_EQ(boost::json::parse(healthy->body).at("status"), "ok");
  EXPECT_EQ(boost::json::parse(healthy->body).at("service"), "ingester");
  const auto ready = running.client().Get("/readyz");
  EXPECT_EQ(ready->status, 503);
  EXPECT_EQ(boost::json::parse(ready->body).at("detail"), "the broker is out of reach");
}

TEST(ServiceRoutes, MetricsPassPromtool) {
  const auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter()
      .Name("hermes_example_messages_total")
      .Help("Messages.")
      .Register(*registry)
      .Add({{"reason", "a\"b"}})
      .Increment();
  prometheus::BuildHistogram()
      .Name("hermes_example_commit_seconds")
      .Help("Time of a commit.")
      .Register(*registry)
      .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.01, 0.1})
      .Observe(0.05);
  RunningServer running([&](Server& server) { serve_metrics(server, registry); });
  const auto metrics = running.client().Get("/metrics");
  ASSERT_EQ(metrics->status, 200);
  EXPECT_THAT(metrics->body, HasSubstr("hermes_example_commit_seconds_bucket{le=\"0.1\"} 1"));

  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not here (Debian package prometheus)";
  FILE* promtool = ::popen("promtool check metrics", "w");
  ASSERT_NE(promtool, nullptr);
  std::fwrite(metrics->body.data(), 1, metrics->body.size(), promtool);
  EXPECT_EQ(::pclose(promtool), 0);
}

}  // namespace
}  // namespace hermes::http
