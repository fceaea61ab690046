// Where a server is: a host name or an address, and a port. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace hermes {

// "localhost:1883", "[::1]:1883": an IPv6 address has colons of its own (RFC 3986, 3.2.2).
std::string host_and_port(std::string_view host, int port);

// Whether only this machine can be meant. A name other than localhost counts as elsewhere, whatever it resolves to.
bool is_loopback(std::string_view host);

}  // namespace hermes
