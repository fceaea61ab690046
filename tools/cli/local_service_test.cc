#include "tools/cli/local_service.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include "adapters/http/server.h"

namespace hermes::tools {
namespace {

constexpr std::chrono::seconds kLimit{10};

// A service on a free port of that address; nothing where this machine does not have the address.
class Service {
 public:
  explicit Service(const std::string& host)
      : server_([&] {
          http::Settings settings;
          settings.host = host;
          settings.port = 0;
          return settings;
        }()) {
    server_.get("/", [](const http::Request&) { return http::Response{.body = "here"}; });
    started_ = server_.start().ok();
  }
  bool started() const { return started_; }
  std::uint16_t port() const { return server_.port(); }

 private:
  http::Server server_;
  bool started_ = false;
};

TEST(LocalService, IsFoundOnTheLoopbackAddressOfEitherFamily) {
  for (const std::string host : {"127.0.0.1", "::1"}) {
    const Service service(host);
    if (!service.started()) GTEST_SKIP() << "this machine has no " << host;
    LocalService local("", service.port(), kLimit);
    const httplib::Result answer = local.get("/");
    ASSERT_TRUE(answer) << host;
    EXPECT_EQ(answer->body, "here");
    EXPECT_EQ(local.address(), (host == "::1" ? "[::1]:" : host + ":") + std::to_string(service.port()));
  }
}

TEST(LocalService, IsAskedAtItsAddressWhereOneIsGiven) {
  const Service service("127.0.0.1");
  ASSERT_TRUE(service.started());
  EXPECT_TRUE(LocalService("0.0.0.0", service.port(), kLimit).get("/"));
  EXPECT_TRUE(LocalService("127.0.0.1", service.port(), kLimit).get("/"));
  EXPECT_FALSE(LocalService("::1", service.port(), kLimit).get("/"));
}

TEST(LocalService, ThatNobodyIsIsNamedByItsFirstAddress) {
  std::uint16_t port = 0;
  {
    const Service gone("127.0.0.1");
    port = gone.port();
  }
  LocalService local("", port, kLimit);
  EXPECT_FALSE(local.get("/"));
  EXPECT_EQ(local.address(), "127.0.0.1:" + std::to_string(port));
}

}  // namespace
}  // namespace hermes::tools
