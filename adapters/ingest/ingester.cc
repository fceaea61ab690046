#include "adapters/ingest/ingester.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <span>
#include <thread>

#include "adapters/ingest/acks.h"
#include "adapters/ingest/broker_session.h"
#include "adapters/ingest/intake.h"
#include "adapters/ingest/metrics.h"
#include "adapters/ingest/spool_forwarder.h"
#include "base/wall_clock.h"

namespace hermes::ingest {
namespace {

// How often a drain looks whether it is done.
constexpr std::chrono::milliseconds kDrainPoll{5};
// Longer than a checkpoint or a fail-over holds up a healthy database.
constexpr std::chrono::seconds kBehindIsSaidAfter{10};

// Nothing for a time that the clock, which was put back since, has not reached again.
std::chrono::duration<double> age_of(const std::optional<Timestamp>& time) {
  return time ? std::max<std::chrono::duration<double>>(wall_clock() - *time, std::chrono::seconds(0))
              : std::chrono::seconds(0);
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  long total = 0;
  long resident = 0;
  statm >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace

class Ingester::Impl {
 public:
  Impl(Settings settings, prometheus::Registry& registry, std::unique_ptr<spool::Spool> spool,
       std::function<void(const std::string&)> on_fatal)
      : settings_(std::move(settings)),
        metrics_(registry),
        spool_(std::move(spool)),
        intake_(*spool_, metrics_,
                {.appended = [this] { forwarder_.wake(); },
                 .pause = [this] { client_.pause(); },
                 .resume = [this] { client_.resume(); }}),
        session_(client_, settings_),
        client_(settings_.mqtt),
        acks_([this](const std::string& topic, const std::string& payload) { return send_ack(topic, payload); }, metrics_,
              settings_.topic_root, kQueuedAcksMax),
        forwarder_(settings_, metrics_, *spool_, acks_, std::move(on_fatal)) {
    client_.on_messages([this](std::span<const mqtt::Message> messages) { return intake_.take(messages); });
    forwarder_.start();
    session_.start();
  }

  ~Impl() { session_.stop(); }

  Health health() const {
    Health health;
    const spool::Spool::Statistics statistics = spool_->statistics();
    health.spool_bytes = statistics.bytes;
    health.spool_messages = statistics.records;
    health.spool_age = std::chrono::duration_cast<std::chrono::seconds>(age_of(statistics.oldest));
    if (statistics.latest_arrival)
      health.clock_behind = std::chrono::floor<std::chrono::seconds>(
          std::max(*statistics.latest_arrival - wall_clock(), std::chrono::microseconds(0)));
    const std::optional<std::string> fatal = forwarder_.fatal();
    health.alive = !fatal;
    health.problem = fatal ? *fatal : intake_.problem();
    if (health.problem.empty()) health.problem = session_.problem();
    if (health.problem.empty() && !client_.connected()) health.problem = "not connected to the broker";
    if (health.problem.empty() && !forwarder_.database_reachable()) health.problem = "the database does not take batches";
    if (health.problem.empty()) health.problem = forwarder_.postponed();
    health.ready = health.alive && health.problem.empty();
    return health;
  }

  void tick() {
    const spool::Spool::Statistics statistics = spool_->statistics();
    intake_.read_again();
    metrics_.spool_bytes.Set(static_cast<double>(statistics.bytes));
    metrics_.spool_messages.Set(static_cast<double>(statistics.records));
    metrics_.spool_age_seconds.Set(age_of(statistics.oldest).count());
    say_whether_behind(statistics);
    metrics_.broker_connected.Set(client_.connected() ? 1 : 0);
    metrics_.database_connected.Set(forwarder_.database_reachable() ? 1 : 0);
    metrics_.resident_bytes.Set(resident_bytes());
    metrics_.queued_messages.Set(static_cast<double>(forwarder_.queued()));
  }

  Drained drain() {
    const auto deadline = std::chrono::steady_clock::now() + settings_.drain_timeout;
    const auto wait_for = [&](auto condition) {
      while (!condition() && forwarder_.database_reachable() && !forwarder_.fatal() &&
             std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(kDrainPoll);
      }
    };
    // What was taken by now is committed and answered while the connection is still there. What comes meanwhile is taken too,
    // for a refusal would cost the connection; it is committed after the broker was left, and its senders ask again.
    const spool::Sequence taken = intake_.appended();
    wait_for([&] { return forwarder_.released() >= taken && acks_.idle(); });
    session_.stop();
    wait_for([&] { return spool_->statistics().records == 0; });
    forwarder_.stop();
    const std::size_t left = spool_->statistics().records;
    return {.complete = left == 0, .left_in_spool = left};
  }

 private:
  // A database that is slow, or whose heads somebody keeps locked, refuses nothing: only this tells of it.
  void say_whether_behind(const spool::Spool::Statistics& statistics) {
    const std::chrono::duration<double> age = age_of(statistics.oldest);
    if (!behind_ && age > kBehindIsSaidAfter && forwarder_.database_reachable()) {
      behind_ = true;
      spdlog::warn("the database takes messages too slowly: {} wait in the spool, the oldest for {:.0f} s", statistics.records,
                   age.count());
    } else if (behind_ && age < kBehindIsSaidAfter / 2) {
      behind_ = false;
      spdlog::info("the database keeps up again");
    }
  }

  AckPublisher::Sent send_ack(const std::string& topic, const std::string& payload) {
    if (!client_.connected()) return AckPublisher::Sent::not_connected;
    return client_.publish(topic, payload, settings_.ack_qos) ? AckPublisher::Sent::taken : AckPublisher::Sent::full;
  }

  const Settings settings_;
  Metrics metrics_;
  const std::unique_ptr<spool::Spool> spool_;
  // Before the client, whose callbacks need them to the end.
  Intake intake_;
  BrokerSession session_;
  mqtt::Client client_;
  AckPublisher acks_;
  SpoolForwarder forwarder_;
  bool behind_ = false;  // said in the log; of the thread that calls tick()
};

Result<std::unique_ptr<Ingester>, StartError> Ingester::start(Settings settings, prometheus::Registry& registry,
                                                              std::function<void(const std::string&)> on_fatal) {
  if (!settings.spool.warn) settings.spool.warn = [](const std::string& line) { spdlog::warn("{}", line); };
  auto opened = spool::Spool::open(settings.spool);
  if (!opened) return fail(StartError{opened.error().message});
  const spool::Spool::Recovered& recovered = (*opened)->recovered();
  if (recovered.torn_bytes_cut > 0) {
    spdlog::warn("the spool ended in {} torn bytes, which were never acknowledged: cut", recovered.torn_bytes_cut);
  }
  if (recovered.records > 0) spdlog::info("{} messages in the spool from before", recovered.records);
  return std::unique_ptr<Ingester>(
      new Ingester(std::make_unique<Impl>(std::move(settings), registry, std::move(*opened), std::move(on_fatal))));
}

Ingester::Ingester(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ingester::~Ingester() = default;
Health Ingester::health() const { return impl_->health(); }
void Ingester::tick() { impl_->tick(); }
Drained Ingester::drain() { return impl_->drain(); }

}  // namespace hermes::ingest
