// The client's thread (client_impl.h): makes the connection, serves it, and makes it again.
#include <algorithm>
#include <random>

#include "adapters/mqtt/client_impl.h"
#include "adapters/mqtt/reason_code.h"

namespace hermes::mqtt {
namespace {

// How long a disconnect waits for what is under way.
constexpr std::chrono::milliseconds kDisconnectTimeout{1'000};
// Publishes at QoS 1 under way at once, if the broker allows as many.
constexpr std::size_t kUnderWayMax = 1'000;

Disconnection lost(std::string reason) { return {Disconnection::Cause::connection_lost, std::move(reason)}; }
Disconnection not_subscribed(std::string reason) { return {Disconnection::Cause::not_subscribed, std::move(reason)}; }

}  // namespace

void Client::Impl::run() {
  std::minstd_rand random{std::random_device{}()};
  auto back_off = settings_.reconnect_min;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || wants_up(); });
    if (stopping_) return;
    connecting_ = true;
    woken_ = false;  // the last connection may have ended with the call heard and not answered
    lock.unlock();
    const Clock::duration lasted = connect_and_serve();
    lock.lock();
    // A connection that does not last counts as a failure: two clients with one id would otherwise chase each other. One that
    // was ended here (paused because a message could not be taken, or not wanted) is none of the broker's.
    if (lasted > settings_.reconnect_max || !wants_up()) back_off = settings_.reconnect_min;
    if (!wants_up()) continue;
    const auto wait = back_off / 2 + std::chrono::milliseconds(random() % static_cast<unsigned>(back_off.count() / 2 + 1));
    changed_.wait_for(lock, wait, [&] { return !wanted_ || stopping_; });
    back_off = std::min(back_off * 2, settings_.reconnect_max);
  }
}

Client::Impl::Clock::duration Client::Impl::connect_and_serve() {
  const bool clean_start = settings_.clean_start && !ever_connected_;
  auto connection = Connection::open(settings_, clean_start, wake_up_, [this] { return !still_wanted(); });
  if (!connection) {
    change([&] {
      connecting_ = false;
      last_problem_ = connection.error();
      ++attempts_ended_;
    });
    ++attempts_failed_;
    if (ever_connected_ && still_wanted() && attempt_failed_handler)
      attempt_failed_handler({.reason = not_connected(connection.error()), .attempts = attempts_failed_, .since = down_since_});
    return {};
  }
  ever_connected_ = true;
  attempts_failed_ = 0;
  came_up(*connection);
  const Clock::time_point up_since = Clock::now();
  const Disconnection end = serve(*connection);
  down_since_ = Clock::now();
  went_down(end);
  return Clock::now() - up_since;
}

bool Client::Impl::still_wanted() {
  std::lock_guard lock(mutex_);
  woken_ = false;
  return wants_up();
}

void Client::Impl::came_up(const Connection& connection) {
  const bool session_present = connection.connack().session_present;
  {
    std::lock_guard lock(mutex_);
    grants_ = connection.grants(settings_.session_expiry);
    connecting_ = false;
    up_ = true;
    in_flight_.connected(session_present);
    subscriptions_.connected(unsent_, session_present, Clock::now());
    ++attempts_ended_;
    changed_.notify_all();
  }
  if (connected_handler) connected_handler(session_present);
}

void Client::Impl::went_down(const Disconnection& end) {
  const bool wanted = [&] {
    std::lock_guard lock(mutex_);
    if (end.cause == Disconnection::Cause::session_left_to_another) wanted_ = false;
    up_ = false;
    unsent_.clear();
    subscriptions_.give_up(end.reason);
    changed_.notify_all();
    return !left_;
  }();
  if (wanted && disconnected_handler) disconnected_handler(end);
}

Disconnection Client::Impl::serve(Connection& connection) {
  left_ = false;
  pubacks_.clear();
  std::optional<Clock::time_point> leave_by;  // once it is not wanted any more
  for (;;) {
    if (auto end = take_what_came(connection, leave_by.has_value())) {
      if (end->cause == Disconnection::Cause::message_not_taken) leave(connection);
      return *end;
    }
    const bool wanted = hand_over(connection);
    // Once leaving it leaves, also when it is wanted again: messages were passed over, and come again on the next connection.
    if (!wanted && !leave_by) leave_by = Clock::now() + kDisconnectTimeout;
    if (leave_by && (Clock::now() >= *leave_by || nothing_under_way())) {
      leave(connection);
      left_ = true;
      return lost("disconnected");
    }
    if (Clock::now() >= answer_due_) return not_subscribed("the broker does not answer to a subscription");
    const Clock::time_point left = std::min(leave_by.value_or(Clock::time_point::max()), answer_due_);
    // While there is a backlog nothing is handed over, whatever is due.
    if (auto exchanged = connection.exchange(connection.has_backlog() ? left : std::min(left, pubacks_.due())); !exchanged)
      return lost(exchanged.error());
  }
}

void Client::Impl::leave(Connection& connection) {
  pubacks_.take_all(connection.out());
  connection.leave();
}

bool Client::Impl::hand_over(Connection& connection) {
  std::lock_guard lock(mutex_);
  woken_ = false;
  answer_due_ = subscriptions_.overdue_at();
  if (connection.has_backlog()) return wants_up();
  std::string& out = connection.out();
  if (out.empty()) {
    out.swap(unsent_);
  } else {
    out += unsent_;
    unsent_.clear();
  }
  in_flight_.send_more(out, std::min<std::size_t>(kUnderWayMax, grants_.receive_maximum));
  pubacks_.take(out, connection.room(), Clock::now());
  return wants_up();
}

bool Client::Impl::nothing_under_way() {
  std::lock_guard lock(mutex_);
  return in_flight_.empty();
}

std::optional<Disconnection> Client::Impl::take_what_came(Connection& connection, bool leaving) {
  messages_.clear();
  packet_ids_.clear();
  std::optional<Disconnection> end;
  while (!end) {
    auto packet = connection.next();
    if (!packet) end = lost(packet.error().what);
    if (!packet || !*packet) break;
    if (const auto* publish = std::get_if<Publish>(&**packet)) {
      if (leaving) continue;
      messages_.push_back({publish->topic, publish->payload, publish->qos, publish->retained});
      packet_ids_.push_back(publish->packet_id);
    } else if (const auto* puback = std::get_if<Puback>(&**packet)) {
      acknowledged(*puback);
    } else if (const auto* suback = std::get_if<Suback>(&**packet)) {
      if (auto problem = answered(*suback); !problem.empty()) end = not_subscribed(std::move(problem));
    } else if (const auto* unsuback = std::get_if<Unsuback>(&**packet)) {
      answered(*unsuback);
    } else if (const auto* disconnect = std::get_if<Disconnect>(&**packet)) {
      end = told_to_leave(disconnect->reason);
    }
  }
  // What came before the end was sent before it.
  if (messages_.empty()) return end;
  if (answer_due_ != Clock::time_point::max()) heard_messages();
  const std::size_t taken = messages_handler ? messages_handler(messages_) : messages_.size();
  const Clock::time_point now = Clock::now();
  for (std::size_t i = 0; i < std::min(taken, messages_.size()); ++i) {
    if (messages_[i].qos > 0) pubacks_.add(packet_ids_[i], now);
  }
  if (!end && taken < messages_.size()) end = {Disconnection::Cause::message_not_taken, "a message could not be taken"};
  return end;
}

void Client::Impl::acknowledged(const Puback& puback) {
  std::lock_guard lock(mutex_);
  static_cast<void>(
      in_flight_.acknowledged(puback.packet_id, puback.reason));  // of another: the broker's mistake, no harm to us
}

std::string Client::Impl::answered(const Suback& suback) {
  std::lock_guard lock(mutex_);
  return subscriptions_.answered(suback);
}

void Client::Impl::answered(const Unsuback& unsuback) {
  std::lock_guard lock(mutex_);
  subscriptions_.answered(unsuback);
}

void Client::Impl::heard_messages() {
  std::lock_guard lock(mutex_);
  subscriptions_.heard_messages(Clock::now());
}

Disconnection Client::Impl::told_to_leave(std::uint8_t reason) const {
  Disconnection::Cause cause = Disconnection::Cause::connection_lost;
  if (reason == kSessionTakenOver) {
    cause = settings_.leave_session_to_another ? Disconnection::Cause::session_left_to_another
                                               : Disconnection::Cause::session_taken_over;
  }
  return {cause, "the broker closed the session: " + describe(reason)};
}

}  // namespace hermes::mqtt
