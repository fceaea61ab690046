// The services speak systemd's notify protocol (sd_notify(3)), here with a socket of ours: READY=1 once they can work,
// WATCHDOG=1 while they do, STOPPING=1 when told to end, and exit code 0.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tests/support/servers.h"

namespace hermes::test_support {
namespace {

class NotifySocket {
 public:
  explicit NotifySocket(std::string path) : path_(std::move(path)), handle_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const timeval poll{.tv_sec = 0, .tv_usec = 100'000};
    if (bind(handle_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        setsockopt(handle_, SOL_SOCKET, SO_RCVTIMEO, &poll, sizeof poll) != 0) {
      throw std::runtime_error("cannot listen on " + path_);
    }
  }
  ~NotifySocket() { close(handle_); }
  NotifySocket(const NotifySocket&) = delete;

  const std::string& path() const { return path_; }

  // Reads on until a datagram has this line ("READY=1").
  bool hears(const std::string& line, std::chrono::seconds limit = std::chrono::seconds(60)) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < deadline) {
      std::array<char, 4096> buffer;
      const ssize_t size = recv(handle_, buffer.data(), buffer.size(), 0);
      if (size <= 0) continue;
      const std::string datagram = "\n" + std::string(buffer.data(), static_cast<std::size_t>(size)) + "\n";
      if (datagram.find("\n" + line + "\n") != std::string::npos) return true;
    }
    return false;
  }

 private:
  std::string path_;
  int handle_;
};

class SystemdNotify : public testing::TestWithParam<std::string> {};

TEST_P(SystemdNotify, ReadyThenAliveThenStopping) {
  const PrivatePostgres postgres;
  const PrivateMosquitto mosquitto;
  const TemporaryFolder folder;
  Environment environment = environment_for(postgres, mosquitto);
  environment["HERMES_SPOOL_DIR"] = folder / "spool";
  environment["HERMES_HTTP_PORT"] = std::to_string(free_port());
  environment["HERMES_QUERY_PORT"] = std::to_string(free_port());
  ASSERT_EQ(run({hermes_command(), "migrate"}, environment).exit_code, 0);

  NotifySocket systemd(folder / "notify");
  environment["NOTIFY_SOCKET"] = systemd.path();
  environment["WATCHDOG_USEC"] = "1000000";
  Process service = Process::start({hermes_command(), GetParam()}, {.environment = environment, .output = folder / "log"});

  EXPECT_TRUE(systemd.hears("READY=1")) << service.output();
  EXPECT_TRUE(systemd.hears("WATCHDOG=1")) << service.output();
  EXPECT_TRUE(systemd.hears("WATCHDOG=1")) << service.output();
  service.kill(SIGTERM);
  EXPECT_TRUE(systemd.hears("STOPPING=1")) << service.output();
  EXPECT_EQ(service.wait(), 0) << service.output();
}

INSTANTIATE_TEST_SUITE_P(Services, SystemdNotify, testing::Values("ingest", "project", "serve"),
                         [](const auto& service) { return service.param; });

}  // namespace
}  // namespace hermes::test_support
