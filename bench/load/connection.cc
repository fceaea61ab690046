#include "bench/load/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "adapters/mqtt/reason_code.h"

namespace hermes::load {
namespace {

constexpr std::uint16_t kKeepAliveSeconds = 60;
// Publishes under way on one connection. More than the broker handles in a scheduling slice, few enough to be looked at.
constexpr std::uint16_t kInFlightMax = 2000;
constexpr std::uint16_t kSubscribeId = 65535;  // never a publish's
constexpr std::size_t kReadBytes = 256 * 1024;

}  // namespace

void Connection::open(std::uint16_t port, std::string_view client_id) {
  close();
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const std::system_error error(errno, std::generic_category(), "cannot connect to the broker");
    close();
    throw error;
  }
  const int yes = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  ::fcntl(socket_, F_SETFL, O_NONBLOCK);
  mqtt::append_connect(out_, {.client_id = client_id, .clean_start = true, .keep_alive_s = kKeepAliveSeconds});
}

void Connection::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  out_.clear();
  out_sent_ = 0;
  in_filled_ = in_used_ = 0;
  free_ids_.clear();
}

void Connection::subscribe(std::string_view filter) {
  mqtt::append_subscribe(out_, kSubscribeId, {.filter = filter, .qos = 1});
}

void Connection::publish(std::string_view topic, std::string_view payload, std::uint64_t tag) {
  const std::uint16_t id = free_ids_.front();
  free_ids_.pop_front();
  tags_[id] = tag;
  mqtt::append_publish(out_, {.topic = topic, .payload = payload, .qos = 1, .packet_id = id});
}

bool Connection::send() {
  while (is_open() && out_sent_ < out_.size()) {
    const ssize_t count = ::send(socket_, out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (count < 0) {
      close();
      return false;
    }
    out_sent_ += static_cast<std::size_t>(count);
  }
  if (out_sent_ == out_.size()) {
    out_.clear();
    out_sent_ = 0;
  }
  return is_open();
}

bool Connection::receive(Received& received) {
  received = {};
  // What the views of the last call pointed into goes now. The buffer keeps its size: to zero it each time costs more than to
  // read.
  in_filled_ -= in_used_;
  std::memmove(in_.data(), in_.data() + in_used_, in_filled_);
  in_used_ = 0;
  if (in_.size() < in_filled_ + kReadBytes) in_.resize(in_filled_ + kReadBytes);
  const ssize_t count = ::recv(socket_, in_.data() + in_filled_, kReadBytes, 0);
  const bool nothing_yet = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  if (count == 0 || (count < 0 && !nothing_yet)) {
    close();
    return false;
  }
  in_filled_ += count > 0 ? static_cast<std::size_t>(count) : 0;
  std::string_view bytes = std::string_view(in_).substr(0, in_filled_);
  for (;;) {
    const auto packet = mqtt::take_packet(bytes);
    if (!packet) throw std::runtime_error(packet.error().what);
    if (!*packet) break;
    if (std::holds_alternative<mqtt::Disconnect>(**packet)) {
      close();
      return false;
    }
    handle(**packet, received);
  }
  in_used_ = in_filled_ - bytes.size();
  return true;
}

void Connection::handle(const mqtt::Received& packet, Received& received) {
  if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) {
    if (publish->packet_id != 0) mqtt::append_puback(out_, publish->packet_id);
    received.payloads.push_back(publish->payload);
  } else if (const auto* puback = std::get_if<mqtt::Puback>(&packet)) {
    const mqtt::PacketId id = puback->packet_id;
    if (id == 0 || id >= tags_.size()) throw std::runtime_error("the broker acknowledged what was never sent");
    free_ids_.push_back(id);
    received.taken.push_back(tags_[id]);
  } else if (const auto* connack = std::get_if<mqtt::Connack>(&packet)) {
    if (connack->reason != 0) throw std::runtime_error("the broker refused the connection: " + mqtt::describe(connack->reason));
    const std::uint16_t room = std::min(connack->receive_maximum, kInFlightMax);
    tags_.assign(room + 1u, 0);
    free_ids_.clear();
    for (std::uint16_t id = 1; id <= room; ++id) free_ids_.push_back(id);
    received.connected = true;
  } else if (std::holds_alternative<mqtt::Suback>(packet)) {
    received.subscribed = true;
  }
}

}  // namespace hermes::load
