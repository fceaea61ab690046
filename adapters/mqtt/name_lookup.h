// Looks up a host name without blocking the caller: the system's resolver (getaddrinfo) may take half a minute if a name server
// does not answer, and can't be interrupted.
#pragma once

#include <netdb.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/wake_up.h"

namespace hermes::mqtt {

struct FreeAddresses {
  void operator()(addrinfo* first) const { ::freeaddrinfo(first); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

struct LookupProblem {
  std::string message;
  bool unknown_host = false;
};

// The addresses of `host`, a name or a number, for TCP. Gives up at `deadline`, or when `wake` was set and `cancelled` says
// yes; the resolver then goes on by itself on a thread that touches nothing of the caller's, and its result is dropped. A
// process has at most 8 such threads; beyond that a look-up fails at once.
Result<Addresses, LookupProblem> look_up(const std::string& host, std::uint16_t port,
                                         std::chrono::steady_clock::time_point deadline, WakeUp& wake,
                                         const std::function<bool()>& cancelled);

}  // namespace hermes::mqtt
