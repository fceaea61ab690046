#include "adapters/mqtt/broker_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <filesystem>
#include <optional>
#include <string>

namespace hermes::mqtt {
namespace {

std::optional<std::uint16_t> peer_port(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return std::nullopt;
  if (peer.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&peer)->sin_port);
  if (peer.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_port);
  return std::nullopt;
}

template <class Act>
void for_each_connection_to(std::uint16_t port, const Act& act) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename();
    int fd = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), fd).ec != std::errc()) continue;
    if (peer_port(fd) == port) act(fd);
  }
}

}  // namespace

std::size_t shut_down_connections_to_port(std::uint16_t port) {
  std::size_t count = 0;
  for_each_connection_to(port, [&](int fd) {
    if (shutdown(fd, SHUT_RDWR) == 0) ++count;
  });
  return count;
}

void set_small_packets(std::uint16_t port, SmallPackets when) {
  const int no_delay = when == SmallPackets::at_once ? 1 : 0;
  for_each_connection_to(port, [&](int fd) {
    // Where it can't be set packets are late, not lost.
    static_cast<void>(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay));
  });
}

}  // namespace hermes::mqtt
