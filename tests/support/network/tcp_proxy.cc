#include "tests/support/network/tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <limits>
#include <list>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace hermes::test_support {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool send_all(int socket, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(socket, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

void send_at_once(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace

class TcpProxy::Impl {
 public:
  explicit Impl(std::uint16_t target_port) : target_port_(target_port), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
      throw std::runtime_error("the proxy can't listen");
    }
    port = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_connections(); });
  }

  ~Impl() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      std::lock_guard lock(mutex_);
      held_ = false;
      cut_all();
    }
    held_changed_.notify_all();
    for (Connection& connection : connections_) {
      connection.up.join();
      connection.down.join();
      ::close(connection.client);
      ::close(connection.server);
    }
    ::close(listener_);
  }

  // What one direction has carried and how much more it may.
  struct Direction {
    std::uint64_t bytes = 0;
    std::uint64_t left = kNever;
    bool swallowed =
        false;  // until the cut: the other direction has had its last bytes, and their answer must not come through
  };

  void cut_after(Direction& direction, std::uint64_t count) {
    std::lock_guard lock(mutex_);
    direction.left = count;
    if (count == 0) cut(direction);
  }

  void cut_after_last_words(std::string_view bytes) {
    std::lock_guard lock(mutex_);
    for (const Connection& connection : connections_) send_all(connection.client, bytes.data(), bytes.size());
    cut(down);
  }

  void hold() {
    std::lock_guard lock(mutex_);
    held_ = true;
  }

  void let_through() {
    {
      std::lock_guard lock(mutex_);
      up.left = down.left = kNever;
      held_ = false;
    }
    held_changed_.notify_all();
  }

  void delay(std::chrono::milliseconds duration) { delay_ = duration; }

  std::uint64_t read(const std::uint64_t& counter) {
    std::lock_guard lock(mutex_);
    return counter;
  }

  std::uint16_t port = 0;
  Direction up, down;
  std::uint64_t cuts = 0;

 private:
  struct Connection {
    int client;
    int server;
    std::thread up{};
    std::thread down{};
  };

  void accept_connections() {
    for (;;) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      const int server = ::socket(AF_INET, SOCK_STREAM, 0);
      const sockaddr_in address = loopback(target_port_);
      if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        ::close(server);
        ::close(client);
        continue;
      }
      send_at_once(client);
      send_at_once(server);
      std::lock_guard lock(mutex_);
      Connection& connection = connections_.emplace_back(Connection{client, server});
      connection.up = std::thread([this, client, server] { pump(client, server, up); });
      connection.down = std::thread([this, client, server] { pump(server, client, down); });
    }
  }

  void pump(int from, int to, Direction& direction) {
    std::vector<char> buffer(64 * 1024);
    for (;;) {
      const ssize_t received = ::recv(from, buffer.data(), buffer.size(), 0);
      if (received <= 0) {
        std::unique_lock lock(mutex_);
        held_changed_.wait(lock, [&] { return !held_; });  // an end is a word, too
        break;
      }
      std::size_t allowed;
      bool cuts_here;
      {
        std::unique_lock lock(mutex_);
        held_changed_.wait(lock, [&] { return !held_; });
        if (direction.swallowed) continue;
        allowed = static_cast<std::size_t>(std::min<std::uint64_t>(static_cast<std::uint64_t>(received), direction.left));
        cuts_here = direction.left != kNever && allowed == direction.left;
        if (direction.left != kNever) direction.left -= allowed;
        direction.bytes += allowed;
        if (cuts_here) (&direction == &up ? down : up).swallowed = true;
      }
      std::this_thread::sleep_for(delay_.load());
      const bool sent = send_all(to, buffer.data(), allowed);
      if (cuts_here) {
        std::lock_guard lock(mutex_);
        cut(direction);
        return;
      }
      if (!sent) break;
    }
    ::shutdown(to, SHUT_RDWR);
    ::shutdown(from, SHUT_RDWR);
  }

  // Requires: the mutex is held.
  void cut(Direction& direction) {
    direction.left = kNever;
    ++cuts;
    cut_all();
    up.swallowed = down.swallowed = false;
  }
  void cut_all() {
    for (const Connection& connection : connections_) {
      ::shutdown(connection.client, SHUT_RDWR);
      ::shutdown(connection.server, SHUT_RDWR);
    }
  }

  std::uint16_t target_port_;
  int listener_;
  std::atomic<std::chrono::milliseconds> delay_{std::chrono::milliseconds(0)};
  std::thread acceptor_;
  std::mutex mutex_;
  std::condition_variable held_changed_;
  bool held_ = false;
  std::list<Connection> connections_;
};

TcpProxy::TcpProxy(std::uint16_t target_port) : impl_(std::make_unique<Impl>(target_port)) {}
TcpProxy::~TcpProxy() = default;
std::uint16_t TcpProxy::port() const { return impl_->port; }
std::uint64_t TcpProxy::client_bytes() const { return impl_->read(impl_->up.bytes); }
std::uint64_t TcpProxy::server_bytes() const { return impl_->read(impl_->down.bytes); }
void TcpProxy::cut_after_client_bytes(std::uint64_t count) { impl_->cut_after(impl_->up, count); }
void TcpProxy::cut_after_server_bytes(std::uint64_t count) { impl_->cut_after(impl_->down, count); }
void TcpProxy::cut_after_last_words(std::string_view bytes) { impl_->cut_after_last_words(bytes); }
void TcpProxy::delay(std::chrono::milliseconds duration) { impl_->delay(duration); }
void TcpProxy::hold() { impl_->hold(); }
void TcpProxy::let_through() { impl_->let_through(); }
std::uint64_t TcpProxy::cuts() const { return impl_->read(impl_->cuts); }

}  // namespace hermes::test_support
