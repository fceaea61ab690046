#include "tests/servers/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <stdexcept>

namespace hermes::private_servers {
namespace {

constexpr std::uint16_t kFirst = 20000;
constexpr std::uint16_t kLast = 32000;  // Linux hands out 32768 and above to outgoing connections
constexpr int kAttempts = 1000;         // more would mean that something else is wrong

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool succeeds(int (*call)(int, const sockaddr*, socklen_t), std::uint16_t port) {
  const int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (handle < 0) return false;
  const int yes = 1;
  setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const sockaddr_in address = loopback(port);
  const bool ok = call(handle, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(handle);
  return ok;
}

int bind_to(int handle, const sockaddr* address, socklen_t size) { return bind(handle, address, size); }
int connect_to(int handle, const sockaddr* address, socklen_t size) { return connect(handle, address, size); }

}  // namespace

std::uint16_t free_port() {
  std::random_device chance;
  std::uniform_int_distribution<int> ports(kFirst, kLast);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto port = static_cast<std::uint16_t>(ports(chance));
    if (!accepts_connections(port) && succeeds(bind_to, port)) return port;
  }
  throw std::runtime_error("no free port on 127.0.0.1 between 20000 and 32000");
}

bool accepts_connections(std::uint16_t port) { return succeeds(connect_to, port); }

}  // namespace hermes::private_servers
