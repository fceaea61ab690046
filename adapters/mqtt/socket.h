// A TCP connection that never blocks. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/wake_up.h"

namespace hermes::mqtt {

struct ConnectProblem {
  std::string message;  // "connection refused"
  bool unknown_host = false;
};

class Socket {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // Tries the addresses of `host` in turn, until `deadline` or until `wake` was set and `cancelled` says yes. Small packets are
  // sent at once (TCP_NODELAY): the writer gathers them.
  static Result<Socket, ConnectProblem> connect(const std::string& host, std::uint16_t port, Deadline deadline, WakeUp& wake,
                                                const std::function<bool()>& cancelled);

  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  int descriptor() const { return descriptor_; }

  // Returns how many bytes came or went, possibly none for now. On failure the connection has ended; the text says why.
  Result<std::size_t, std::string> receive(std::span<char> into);
  Result<std::size_t, std::string> send(std::string_view bytes);

  void finish_sending();  // the other end still reads everything, then the end

 private:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace hermes::mqtt
