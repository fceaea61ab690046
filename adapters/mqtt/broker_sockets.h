// paho does not lend its socket, so it is found among the open files of the process: by the port at its other end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hermes::mqtt {

// Shuts down (not closes) every TCP connection of this process to `port`, whoever made it, and returns how many. Other clients
// of the process on the same broker lose their connection as well, and make it again.
std::size_t shut_down_connections_to_port(std::uint16_t port);

// When a packet leaves that is smaller than what TCP could send in one piece (tcp(7), TCP_NODELAY).
enum class SmallPackets {
  at_once,
  gathered,  // Nagle's algorithm, which paho leaves on: once the other end has acknowledged the one before. It puts that off for up to
             // 40 ms when it has nothing to send itself.
};
// For every TCP connection of this process to `port`, whoever made it.
void set_small_packets(std::uint16_t port, SmallPackets when);

}  // namespace hermes::mqtt
