// A port on 127.0.0.1 that nobody listens on. It is taken from below the range that the kernel gives to outgoing connections,
// so that a server can be restarted on it later without finding it taken by chance.
#pragma once

#include <cstdint>

namespace hermes::private_servers {

std::uint16_t free_port();  // throws std::runtime_error when there is none

bool accepts_connections(std::uint16_t port);  // on 127.0.0.1

}  // namespace hermes::private_servers
