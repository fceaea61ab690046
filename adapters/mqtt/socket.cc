#include "adapters/mqtt/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <system_error>
#include <utility>

#include "adapters/mqtt/name_lookup.h"

namespace hermes::mqtt {
namespace {

bool not_now(int code) { return code == EAGAIN || code == EWOULDBLOCK || code == EINTR; }

// "Connection refused" reads badly in the middle of a sentence.
std::string text_of(int code) {
  std::string text = std::generic_category().message(code);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace

Result<Socket, ConnectProblem> Socket::connect(const std::string& host, std::uint16_t port, Deadline deadline, WakeUp& wake,
                                               const std::function<bool()>& cancelled) {
  const auto addresses = look_up(host, port, deadline, wake, cancelled);
  if (!addresses) return fail(ConnectProblem{addresses.error().message, addresses.error().unknown_host});
  std::string problem = "no address";
  for (const addrinfo* address = addresses->get(); address != nullptr; address = address->ai_next) {
    Socket socket(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.descriptor_ < 0) {
      problem = text_of(errno);
      continue;
    }
    int error = ::connect(socket.descriptor_, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    while (error == EINPROGRESS || error == EINTR) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0) return fail(ConnectProblem{"no answer in time"});
      std::array<pollfd, 2> waited{{{socket.descriptor_, POLLOUT, 0}, {wake.descriptor(), POLLIN, 0}}};
      ::poll(waited.data(), waited.size(), static_cast<int>(left.count()));
      if (waited[1].revents != 0) wake.clear();
      if (cancelled()) return fail(ConnectProblem{"not wanted any more"});
      if (waited[0].revents == 0) continue;
      socklen_t size = sizeof error;
      ::getsockopt(socket.descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error == 0) {
      const int yes = 1;  // if it can't be set, packets are late, not lost
      static_cast<void>(::setsockopt(socket.descriptor_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes));
      return socket;
    }
    problem = text_of(error);
  }
  return fail(ConnectProblem{problem});
}

Socket::Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::size_t, std::string> Socket::receive(std::span<char> into) {
  const ssize_t count = ::recv(descriptor_, into.data(), into.size(), 0);
  if (count > 0) return static_cast<std::size_t>(count);
  if (count == 0) return fail(std::string("the broker closed the connection"));
  if (not_now(errno)) return std::size_t{0};
  return fail(text_of(errno));
}

Result<std::size_t, std::string> Socket::send(std::string_view bytes) {
  const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count >= 0) return static_cast<std::size_t>(count);
  if (not_now(errno)) return std::size_t{0};
  return fail(text_of(errno));
}

void Socket::finish_sending() { ::shutdown(descriptor_, SHUT_WR); }

}  // namespace hermes::mqtt
