// paho does not lend its socket, so it is found among the open files of the process: by the port at its other end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hermes::mqtt {

// Shuts down (not closes) every TCP connection of this process to `port`, whoever made it, and returns how many. Other clients
// of the process on the same broker lose their connection as well, and make it again.
std::size_t shut_down_connections_to_port(std::uint16_t port);

}  // namespace hermes::mqtt
