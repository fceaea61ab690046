#include "adapters/mqtt/connection.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <fstream>
#include <utility>

#include "adapters/mqtt/reason_code.h"

namespace hermes::mqtt {
namespace {

// Several hundred messages at once; for a larger packet the buffer grows.
constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::chrono::seconds kLeaveTimeout{1};

using Clock = Connection::Clock;

timespec until_spec(Clock::time_point until) {
  const auto left = std::max(until - Clock::now(), Clock::duration::zero());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  return {.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(left - seconds).count()};
}

}  // namespace

Result<Connection, Connection::Problem> Connection::open(const Settings& settings, bool clean_start, WakeUp& wake,
                                                         const std::function<bool()>& cancelled) {
  const Clock::time_point deadline = Clock::now() + settings.connect_timeout;
  auto socket = Socket::connect(settings.host, settings.port, deadline, wake, cancelled);
  if (!socket)
    return fail(Problem{.message = socket.error().message,
                        .cause = socket.error().unknown_host ? Problem::Cause::unknown_host : Problem::Cause::unreachable});
  Connection connection(std::move(*socket), settings, wake);
  if (auto problem = connection.shake_hands(settings, clean_start, deadline, cancelled)) return fail(std::move(*problem));
  return connection;
}

Connection::Connection(Socket socket, const Settings& settings, WakeUp& wake)
    : socket_(std::move(socket)),
      wake_(&wake),
      keep_alive_(settings.keep_alive),
      gather_for_(settings.gather_for),
      packet_bytes_max_(settings.maximum_packet_bytes),
      in_(std::make_unique_for_overwrite<char[]>(kReadBytes)),
      capacity_(kReadBytes),
      read_from_(Clock::now()),
      last_sent_(read_from_),
      last_received_(read_from_) {}

// Why the broker refused the CONNECT, if it did.
std::optional<Connection::Problem> Connection::problem_of(const Connack& connack) {
  using Cause = Problem::Cause;
  if (connack.of_mqtt_3 || connack.reason == kUnsupportedProtocol)
    return Problem{"the broker speaks MQTT 3.1.1 only; Hermes needs MQTT 5", Cause::other_protocol};
  if (connack.reason == 0) return std::nullopt;
  return Problem{describe(connack.reason), is_refused_user(connack.reason) ? Cause::refused_user : Cause::refused};
}

const char* Connection::Problem::advice() const {
  switch (cause) {
    case Cause::unreachable: return "Is it running, and are host and port right?";
    case Cause::unknown_host: return "Is MQTT_BROKER_HOST right?";
    case Cause::refused_user: return "Are MQTT_USERNAME and MQTT_PASSWORD right?";
    case Cause::other_protocol: return "Does a broker that speaks MQTT 5 listen there, without TLS and WebSockets?";
    case Cause::refused: return "Its log may say more.";
  }
  return "";
}

Grants Connection::grants(std::chrono::seconds expiry_asked) const {
  return {.receive_maximum = connack_.receive_maximum,
          .maximum_packet_bytes = connack_.maximum_packet_bytes,
          .maximum_qos = connack_.maximum_qos,
          .retain = connack_.retain,
          .wildcard_subscriptions = connack_.wildcard_subscriptions,
          .shared_subscriptions = connack_.shared_subscriptions,
          .session_expiry = connack_.session_expiry_s ? std::chrono::seconds(*connack_.session_expiry_s) : expiry_asked};
}

// The password for this connection: a password file may have changed since the last one.
Result<std::string, Connection::Problem> Connection::password(const Settings& settings) {
  if (settings.password_file.empty()) return settings.password;
  std::ifstream file(settings.password_file);
  std::string line;
  if (!std::getline(file, line))
    return fail(Problem{"cannot read a password from " + settings.password_file, Problem::Cause::refused_user});
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

std::optional<Connection::Problem> Connection::shake_hands(const Settings& settings, bool clean_start,
                                                           Clock::time_point deadline, const std::function<bool()>& cancelled) {
  const auto secret = password(settings);
  if (!secret) return secret.error();
  append_connect(out_, {.client_id = settings.client_id,
                        .clean_start = clean_start,
                        .keep_alive_s = static_cast<std::uint16_t>(std::min<std::int64_t>(settings.keep_alive.count(), 65'535)),
                        .session_expiry_s = static_cast<std::uint32_t>(settings.session_expiry.count()),
                        .receive_maximum = settings.receive_maximum,
                        .maximum_packet_bytes = settings.maximum_packet_bytes,
                        .username = settings.username,
                        .password = *secret});
  for (;;) {
    // A program that does not know MQTT 5 ends the connection in this way, before it has answered.
    if (auto exchanged = exchange(deadline); !exchanged)
      return Problem{"no answer to the CONNECT: " + exchanged.error(), Problem::Cause::other_protocol};
    auto packet = next();
    if (!packet) return Problem{packet.error().what, Problem::Cause::other_protocol};
    if (*packet) {
      const auto* connack = std::get_if<Connack>(&**packet);
      if (connack == nullptr)
        return Problem{"the broker answered with something else than a CONNACK", Problem::Cause::other_protocol};
      if (auto problem = problem_of(*connack)) return problem;
      connack_ = *connack;
      if (connack_.keep_alive_s) keep_alive_ = std::chrono::seconds(*connack_.keep_alive_s);  // 3.2.2.3.14
      return std::nullopt;
    }
    if (cancelled()) return Problem{.message = "not wanted any more"};
    if (Clock::now() >= deadline) return Problem{.message = "no answer in time"};
  }
}

Result<std::optional<Received>, Malformed> Connection::next() {
  auto packet = take_packet(unread_);
  if (packet && *packet && std::holds_alternative<Pingresp>(**packet)) untaken_.answered(Clock::now());
  return packet;
}

void Connection::count_packets() {
  while (counted_ < out_.size()) {
    const std::size_t packet = front_packet_bytes(std::string_view(out_).substr(counted_));
    assert(packet > 0);  // only whole packets are appended
    counted_ = packet > 0 ? counted_ + packet : out_.size();
    untaken_.sent(1);
  }
}

std::size_t Connection::room() {
  count_packets();
  return untaken_.room();
}

void Connection::ping() {
  count_packets();  // those before it
  append_pingreq(out_);
  counted_ = out_.size();
  untaken_.pinged(Clock::now());
}

Result<Done, std::string> Connection::exchange(Clock::time_point until) {
  const bool backlog = has_backlog();
  count_packets();
  if (untaken_.ping_is_due()) ping();
  if (auto sent = send(); !sent) return sent;
  if (backlog && all_sent()) return Done{};  // the caller that appends to out() may have waited for this
  const Clock::time_point now = Clock::now();
  if (now < read_from_) {
    wait(std::min(until, read_from_), false);
    return Done{};
  }
  wait(std::min(until, keep_alive_due()), true);
  if (auto received = receive(); !received) return received;
  return keep_alive(Clock::now());
}

void Connection::wait(Clock::time_point until, bool for_bytes) {
  const short writing = all_sent() ? short{0} : POLLOUT;
  const short reading = for_bytes ? POLLIN : short{0};
  std::array<pollfd, 2> waited{
      {{wake_->descriptor(), POLLIN, 0}, {socket_.descriptor(), static_cast<short>(reading | writing), 0}}};
  const timespec limit = until_spec(until);
  // While bytes gather, poll the socket only if there is something to send: otherwise the end of the connection would end the
  // wait at once.
  ::ppoll(waited.data(), waited[1].events != 0 ? 2 : 1, &limit, nullptr);
  if (waited[0].revents != 0) wake_->clear();
}

Result<Done, std::string> Connection::send() {
  while (!all_sent()) {
    const auto count = socket_.send(std::string_view(out_).substr(sent_));
    if (!count) return fail(count.error());
    backlog_ = *count == 0;
    if (backlog_) return Done{};
    sent_ += *count;
    last_sent_ = Clock::now();
  }
  count_packets();
  out_.clear();
  sent_ = counted_ = 0;
  return Done{};
}

Result<Done, std::string> Connection::receive() {
  if (!unread_.empty()) std::memmove(in_.get(), unread_.data(), unread_.size());
  filled_ = unread_.size();
  unread_ = {in_.get(), filled_};
  const std::size_t packet = front_packet_bytes(unread_);
  if (packet_bytes_max_ > 0 && packet > packet_bytes_max_)
    return fail(std::string("the broker sent a packet larger than we take"));
  if (filled_ == capacity_) {
    assert(packet > capacity_);  // or next() had taken it
    // The length that a packet claims is not trusted: the buffer doubles only as it fills.
    const std::size_t larger = std::min(packet, capacity_ * 2);
    auto grown = std::make_unique_for_overwrite<char[]>(larger);
    std::memcpy(grown.get(), in_.get(), filled_);
    in_ = std::move(grown);
    capacity_ = larger;
    unread_ = {in_.get(), filled_};
  }
  const auto count = socket_.receive({in_.get() + filled_, capacity_ - filled_});
  if (!count) return fail(count.error());
  if (*count == 0) return Done{};
  filled_ += *count;
  unread_ = {in_.get(), filled_};
  last_received_ = Clock::now();
  pinged_at_.reset();  // any bytes show that the broker is alive
  read_from_ = last_received_ + gather_for_;
  return Done{};
}

Clock::time_point Connection::keep_alive_due() const {
  if (keep_alive_.count() == 0) return Clock::time_point::max();
  if (pinged_at_) return *pinged_at_ + keep_alive_;
  return std::min(last_sent_, last_received_) + keep_alive_;
}

Result<Done, std::string> Connection::keep_alive(Clock::time_point now) {
  if (now < keep_alive_due()) return Done{};
  if (pinged_at_) return fail(std::string("the broker does not answer"));
  ping();
  pinged_at_ = now;
  return send();
}

void Connection::leave() {
  const Clock::time_point deadline = Clock::now() + kLeaveTimeout;
  append_disconnect(out_);
  while (!all_sent() && Clock::now() < deadline) {
    if (!send()) return;
    if (!all_sent()) wait(deadline, false);
  }
  // Closing a socket with unread bytes resets the connection, and sent bytes may get lost. So wait for the broker to close.
  socket_.finish_sending();
  while (Clock::now() < deadline) {
    wait(deadline, true);
    if (!socket_.receive({in_.get(), capacity_})) return;
  }
}

}  // namespace hermes::mqtt
