#include "adapters/ingest/broker_session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "adapters/ingest/kept_sessions.h"
#include "adapters/wire/wire.h"
#include "base/back_off.h"
#include "base/host_and_port.h"
#include "base/printable_text.h"

namespace hermes::ingest {
namespace {

// What the subscription must be granted: at QoS 0 the broker keeps nothing for us while we are away, and waits for no PUBACK.
constexpr int kQos = 1;
// Two clients of one id take the session from each other with back-off: longer than that, so that the problem stands meanwhile.
constexpr std::chrono::minutes kTakenOverIsSaidFor{1};

std::string filter_of(const Settings& settings) {
  const std::string everything = wire::subscription_for_everything(settings.topic_root);
  return settings.share_group.empty() ? everything : "$share/" + settings.share_group + "/" + everything;
}

KeptSession::Time now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

}  // namespace

BrokerSession::BrokerSession(mqtt::Client& client, const Settings& settings)
    : client_(client),
      settings_(settings),
      broker_(host_and_port(settings.mqtt.host, settings.mqtt.port)),
      filter_(filter_of(settings)) {}

void BrokerSession::start() {
  client_.on_connected([this](bool session_present) { connected(session_present); });
  client_.on_disconnected([this](const mqtt::Disconnection& lost) { disconnected(lost); });
  client_.on_attempt_failed([this](const mqtt::FailedAttempt& attempt) { say_attempt(attempt); });
  thread_ = std::thread([this] { run(); });
}

void BrokerSession::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  client_.disconnect();  // whoever waits for the broker's word waits no more
  if (thread_.joinable()) thread_.join();
  client_.disconnect();  // it may have connected in between
}

std::string BrokerSession::problem() const {
  std::lock_guard lock(mutex_);
  if (taken_over_at_ && std::chrono::steady_clock::now() - *taken_over_at_ < kTakenOverIsSaidFor) return taken_over();
  if (!problem_.empty() || !connected_ || client_.subscribed()) return problem_;
  return "not subscribed at the broker yet";
}

std::string BrokerSession::taken_over() const {
  return "another client connects as '" + escape_for_terminal(settings_.mqtt.client_id) +
         "' and takes this ingester's session, and both lose time: give each ingester a client id of its own";
}

// ---- the client's thread ----

void BrokerSession::connected(bool session_present) {
  spdlog::info("connected to the broker at {}{}", broker_, session_present ? ", session resumed" : "");
  {
    std::lock_guard lock(mutex_);
    connected_ = true;
    // A broker that grants less than at the last time resumes the session all the same.
    if (std::exchange(reached_, true) && (!client_.subscribed() || client_.grants().maximum_qos < kQos)) {
      if (problem_.empty()) problem_ = "not subscribed at the broker yet";
      settle_again_ = true;
    }
  }
  changed_.notify_all();
}

void BrokerSession::disconnected(const mqtt::Disconnection& lost) {
  const bool taken = lost.cause == mqtt::Disconnection::Cause::session_taken_over;
  spdlog::warn("lost the broker: {}{}", lost.reason, taken ? ". " + taken_over() : "");
  std::lock_guard lock(mutex_);
  connected_ = false;
  if (taken) taken_over_at_ = std::chrono::steady_clock::now();
  if (lost.cause == mqtt::Disconnection::Cause::not_subscribed) problem_ = lost.reason;
}

// ---- both threads, one after the other ----

// The first, the second, the fourth, the eighth ... and each that fails for another reason: a log must tell of an hour without
// a broker, and must not be filled by it.
void BrokerSession::say_attempt(const mqtt::FailedAttempt& attempt) {
  if (!std::has_single_bit(attempt.attempts) && attempt.reason == attempt_said_) return;
  attempt_said_ = attempt.reason;
  const std::chrono::duration<double> without = std::chrono::steady_clock::now() - attempt.since;
  spdlog::warn("{} (attempt {}, {:.0f} s without a broker)", attempt.reason, attempt.attempts, without.count());
}

// ---- its own thread ----

void BrokerSession::run() {
  reach();
  BackOff back_off(kRetryFirst, kRetryLongest);
  while (!stopping_) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || connected_; });
      settle_again_ = false;
    }
    if (stopping_) return;
    if (settle()) {
      back_off.reset();
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || settle_again_; });
    } else {
      // Asked for again until it is granted: the broker remembers what it granted in the session, also after it was mended.
      wait_for(back_off.next(), [&] { return stopping_.load(); });
    }
  }
}

void BrokerSession::reach() {
  BackOff back_off(kRetryFirst, kRetryLongest);
  mqtt::FailedAttempt attempt{.since = std::chrono::steady_clock::now()};
  while (!stopping_) {
    auto connected = client_.connect();
    if (connected) return;
    ++attempt.attempts;
    attempt.reason = connected.error().message;
    if (!stopping_) say_attempt(attempt);
    wait_for(back_off.next(), [&] { return stopping_.load(); });
  }
}

bool BrokerSession::settle() {
  std::vector<std::string> filters = filters_noted();
  if (std::ranges::find(filters, filter_) == filters.end()) filters.push_back(filter_);
  return note(std::move(filters)) && subscribe() && end_former();
}

bool BrokerSession::subscribe() {
  // No-local is not allowed on a shared subscription (MQTT 5, 3.8.3.1): there the router knows our echoes by their content.
  const auto granted = client_.subscribe(filter_, kQos, settings_.share_group.empty());
  if (!granted) {
    spdlog::warn("{}", granted.error().message);
    say(granted.error().message);
    return false;
  }
  if (*granted < kQos) {
    const std::string too_little = "the broker at " + broker_ +
                                   " grants only QoS 0: what it sends while this ingester is away is lost. Allow QoS 1 "
                                   "(Mosquitto: max_qos 2)";
    if (problem() != too_little) spdlog::error("{}", too_little);
    say(too_little);
    return false;
  }
  if (!problem().empty()) spdlog::info("subscribed to {}", filter_);
  say({});
  return true;
}

// What comes for them meanwhile comes twice: no reason not to be ready.
bool BrokerSession::end_former() {
  bool all = true;
  bool any = false;
  for (const std::string& former : filters_noted()) {
    if (former == filter_) continue;
    any = true;
    if (const auto ended = client_.unsubscribe(former); !ended) {
      spdlog::warn("{}", ended.error().message);
      all = false;
    } else {
      spdlog::info("no longer subscribed to {}", former);
    }
  }
  return all && (!any || note({filter_}));
}

// What the session may be subscribed to. Of one that nothing is known of, for it is from before there were notes, at least
// this: the ingester was not one of several, and is now.
std::vector<std::string> BrokerSession::filters_noted() const {
  for (const KeptSession& kept : read_kept_sessions(settings_.spool.folder)) {
    if (kept.broker == broker_ && kept.client_id == settings_.mqtt.client_id) return kept.filters;
  }
  return {wire::subscription_for_everything(settings_.topic_root)};
}

// Nothing is written when nothing changes: a start on a full disk must still reach its messages.
bool BrokerSession::note(std::vector<std::string> filters) {
  const std::vector<KeptSession> before = read_kept_sessions(settings_.spool.folder);
  const std::vector<KeptSession> sessions =
      with_session_in_use(before, broker_, settings_.mqtt.client_id, std::move(filters), now(), settings_.mqtt.session_expiry);
  if (sessions == before) return true;
  const auto written = write_kept_sessions(settings_.spool.folder, sessions);
  if (written) return true;
  spdlog::error("{}", written.error().message);
  say(written.error().message);
  return false;
}

void BrokerSession::say(const std::string& problem) {
  std::lock_guard lock(mutex_);
  problem_ = problem;
}

template <class Condition>
void BrokerSession::wait_for(std::chrono::milliseconds duration, Condition condition) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, duration, condition);
}

}  // namespace hermes::ingest
