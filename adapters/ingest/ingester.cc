#include "adapters/ingest/ingester.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "adapters/ingest/acks.h"
#include "adapters/ingest/broker_session.h"
#include "adapters/ingest/ledger.h"
#include "adapters/ingest/metrics.h"
#include "adapters/ingest/router.h"
#include "adapters/ingest/worker.h"
#include "adapters/wire/wire.h"
#include "base/back_off.h"
#include "base/printable_text.h"
#include "base/wall_clock.h"
#include "eventstore/schema/migrations.h"

namespace hermes::ingest {
namespace {

constexpr std::chrono::milliseconds kBackOffFirst{200};
constexpr std::chrono::milliseconds kBackOffLongest{5'000};
// How often a drain looks whether it is done.
constexpr std::chrono::milliseconds kDrainPoll{5};
// Longer than a checkpoint or a fail-over holds up a healthy database.
constexpr std::chrono::seconds kBehindIsSaidAfter{10};
// What a worker gets to notice that it is abandoned.
constexpr std::chrono::seconds kAbandonGrace{1};

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
        on_fatal_(std::move(on_fatal)),
        session_(client_, settings_),
        client_(settings_.mqtt),
        acks_([this](const std::string& topic, const std::string& payload) { return send_ack(topic, payload); }, metrics_,
              settings_.topic_root, kQueuedAcksMax),
        router_(*spool_, [this](std::span<const spool::Sequence> sequences) { finished(sequences); }) {
    client_.on_messages([this](std::span<const mqtt::Message> messages) { return take(messages); });
    client_.on_connected([this](bool session_present) { session_.connected(session_present); });
    client_.on_disconnected([this](const mqtt::Disconnection& lost) { session_.disconnected(lost); });
    client_.on_attempt_failed([this](const mqtt::FailedAttempt& attempt) { session_.attempt_failed(attempt); });
    log_thread_ = std::thread([this] { serve_log(); });
    session_.start();
  }

  ~Impl() {
    stop_reading();
    stop_writing();
    for (auto& worker : workers_) worker->abandon();
  }

  Health health() const {
    Health health;
    const spool::Spool::Statistics statistics = spool_->statistics();
    health.spool_bytes = statistics.bytes;
    health.spool_messages = statistics.records;
    health.spool_age = std::chrono::duration_cast<std::chrono::seconds>(age_of(statistics.oldest));
    if (statistics.latest_arrival)
      health.clock_behind = std::chrono::floor<std::chrono::seconds>(
          std::max(*statistics.latest_arrival - wall_clock(), std::chrono::microseconds(0)));
    health.alive = !fatal_;
    {
      std::lock_guard lock(mutex_);
      health.problem = problem_;
    }
    if (health.problem.empty()) health.problem = session_.problem();
    if (health.problem.empty() && !client_.connected()) health.problem = "not connected to the broker";
    if (health.problem.empty() && !database_reachable()) health.problem = "the database does not take batches";
    if (health.problem.empty()) {
      std::lock_guard lock(mutex_);
      health.problem = postponed_;
    }
    health.ready = health.alive && health.problem.empty();
    return health;
  }

  void tick() {
    const spool::Spool::Statistics statistics = spool_->statistics();
    if (refusing_) read_again_if_there_is_room();
    metrics_.spool_bytes.Set(static_cast<double>(statistics.bytes));
    metrics_.spool_messages.Set(static_cast<double>(statistics.records));
    metrics_.spool_age_seconds.Set(age_of(statistics.oldest).count());
    say_whether_behind(statistics);
    metrics_.broker_connected.Set(client_.connected() ? 1 : 0);
    metrics_.database_connected.Set(database_reachable() ? 1 : 0);
    metrics_.resident_bytes.Set(resident_bytes());
    std::size_t queued = 0;
    if (workers_running_) {
      for (const auto& worker : workers_) queued += worker->queued();
    }
    metrics_.queued_messages.Set(static_cast<double>(queued));
  }

  Drained drain() {
    const auto deadline = std::chrono::steady_clock::now() + settings_.drain_timeout;
    const auto wait_for = [&](auto condition) {
      while (!condition() && database_reachable() && !fatal_ && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(kDrainPoll);
      }
    };
    // What was taken by now is committed and answered while the connection is still there. What comes meanwhile is taken too,
    // for a refusal would cost the connection; it is committed after the broker was left, and its senders ask again.
    const spool::Sequence taken = appended_;
    wait_for([&] { return released_ >= taken && acks_.idle(); });
    stop_reading();
    wait_for([&] { return spool_->statistics().records == 0; });
    stop_writing();
    const std::size_t left = spool_->statistics().records;
    return {.complete = left == 0, .left_in_spool = left};
  }

 private:
  // ---- the client's thread ----

  // How many of them, from the first on, are on disk or ignored.
  std::size_t take(std::span<const mqtt::Message> messages) {
    records_.clear();
    places_.clear();
    for (const mqtt::Message& message : messages) {
      if (message.retained && !is_worth_keeping(message.payload)) {
        metrics_.retained_ignored.Increment();
        continue;
      }
      places_.push_back(static_cast<std::size_t>(&message - messages.data()));
      records_.push_back({message.topic, message.payload});
    }
    if (records_.empty()) return messages.size();
    const spool::Spool::Appended appended = spool_->append(records_, wall_clock());
    if (appended.count > 0) {
      metrics_.received.Increment(static_cast<double>(appended.count));
      appended_ = appended.last;
      router_.wake();
    }
    if (appended.error) refuse(*appended.error);
    return appended.count == records_.size() ? messages.size() : places_[appended.count];
  }

  // Of what the broker retained, for a broker that sends it although nobody asked. A message that was said once is the same
  // message, whenever it comes. But a receipt or typing would become an event of today for each fresh session, and what is no
  // message at all a new row of rejected_events.
  bool is_worth_keeping(std::string_view payload) {
    const auto decoded = retained_decoder_.decode(payload);
    return decoded && std::holds_alternative<domain::SendMessage>(decoded->command);
  }

  void refuse(const spool::AppendError& error) {
    metrics_.not_taken.Increment();
    if (appended_ != appended_at_refusal_) refusal_back_off_.reset();
    appended_at_refusal_ = appended_.load();
    {
      std::lock_guard lock(mutex_);
      read_again_at_ = std::chrono::steady_clock::now() + refusal_back_off_.next();
    }
    say_problem("the spool takes no messages: " + error.message);
    spdlog::error("not reading from the broker, which keeps the messages: {}", error.message);
    client_.pause();
    refusing_ = true;  // only now may tick() resume: before the pause that would be undone by it, for good
  }

  // ---- the thread that calls tick() ----

  // A database that is slow, or whose heads somebody keeps locked, refuses nothing: only this tells of it.
  void say_whether_behind(const spool::Spool::Statistics& statistics) {
    const std::chrono::duration<double> age = age_of(statistics.oldest);
    if (!behind_ && age > kBehindIsSaidAfter && database_reachable()) {
      behind_ = true;
      spdlog::warn("the database takes messages too slowly: {} wait in the spool, the oldest for {:.0f} s", statistics.records,
                   age.count());
    } else if (behind_ && age < kBehindIsSaidAfter / 2) {
      behind_ = false;
      spdlog::info("the database keeps up again");
    }
  }

  // A share of the spool's room must be free, for each connection has the broker send again what it has under way: on a disk
  // that is still full, for nothing. A disk that has room and still takes nothing (a quota, a fault) is tried with back-off.
  void read_again_if_there_is_room() {
    const spool::Spool::Room room = spool_->room();
    if (static_cast<double>(room.free) <= kResumeFreeShare * static_cast<double>(room.whole)) return;
    {
      std::lock_guard lock(mutex_);
      if (std::chrono::steady_clock::now() < read_again_at_) return;
    }
    refusing_ = false;
    say_problem({});
    spdlog::info("reading from the broker again: the spool has room for {} bytes", room.free);
    client_.resume();
  }

  // ---- the thread that reads the spool ----

  void serve_log() {
    try {
      const std::optional<int> partitions = reach_database();
      if (!partitions) return;
      std::vector<Router::Push> workers;
      for (std::size_t i = 0; i < settings_.workers; ++i) {
        workers_.push_back(std::make_unique<Worker>(
            settings_, metrics_, acks_,
            Worker::Hooks{.finished = [this](std::span<const spool::Sequence> done) { finished(done); },
                          .fatal = [this](const std::string& problem) { give_up(problem); },
                          .postponed = [this](const std::string& why) { say_postponed(why); }},
            i == 0));
        workers.push_back(
            [worker = workers_.back().get()](eventstore::Incoming&& incoming) { return worker->push(std::move(incoming)); });
      }
      workers_running_ = true;
      router_.run(workers, *partitions, ledger_, metrics_);
    } catch (const std::exception& error) {
      give_up(std::string("the router cannot go on: ") + escape_for_terminal(error.what()));
    }
  }

  // The log's partition count, once there is a database of this program's version.
  std::optional<int> reach_database() {
    BackOff back_off(kBackOffFirst, kBackOffLongest);
    while (!stopping_) {
      std::string problem;
      try {
        auto connected = postgres::connect(settings_.postgres);
        if (connected) {
          if (auto migrated = eventstore::check_migrated(**connected); !migrated) {
            give_up(migrated.error().message);
            return std::nullopt;
          }
          return eventstore::read_partition_count(**connected);
        }
        problem = connected.error().message;
      } catch (const pqxx::broken_connection& error) {
        problem = escape_for_terminal(error.what());
      }
      spdlog::warn("{}", problem);
      wait_unless_stopping(back_off.next());
    }
    return std::nullopt;
  }

  // ---- the acknowledgements' thread ----

  AckPublisher::Sent send_ack(const std::string& topic, const std::string& payload) {
    if (!client_.connected()) return AckPublisher::Sent::not_connected;
    return client_.publish(topic, payload, settings_.ack_qos) ? AckPublisher::Sent::taken : AckPublisher::Sent::full;
  }

  // ---- the workers' threads ----

  void finished(std::span<const spool::Sequence> sequences) {
    // One at a time: the spool must not be told of a lower sequence after a higher one.
    std::lock_guard lock(release_mutex_);
    if (auto up_to = ledger_.finish(sequences)) {
      spool_->release(*up_to);
      released_ = *up_to;
    }
  }

  // ---- any thread ----

  void give_up(const std::string& problem) {
    if (fatal_.exchange(true)) return;
    say_problem(problem);
    on_fatal_(problem);
  }

  void say_problem(const std::string& problem) {
    std::lock_guard lock(mutex_);
    if (!fatal_ || problem_.empty()) problem_ = problem;
  }

  bool database_reachable() const {
    return workers_running_ &&
           std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->database_reachable(); });
  }

  // It blocks nobody, but somebody must upgrade this ingester or mend the log.
  void say_postponed(const std::string& why) {
    std::lock_guard lock(mutex_);
    if (!why.empty() && postponed_.empty()) spdlog::warn("{}", why);
    postponed_ = why;
  }

  void wait_unless_stopping(std::chrono::milliseconds duration) {
    std::unique_lock lock(mutex_);
    stop_changed_.wait_for(lock, duration, [&] { return stopping_.load(); });
  }

  void stop_reading() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_changed_.notify_all();
    session_.stop();
  }

  // Lets the workers finish what is in their queues if they can, and ends them.
  void stop_writing() {
    stopping_writing_ = true;
    router_.stop();
    if (workers_running_) {
      for (auto& worker : workers_) worker->close();
    }
    if (log_thread_.joinable()) log_thread_.join();
    const auto ended = [&] {
      return std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->ended(); });
    };
    const auto grace_ends = std::chrono::steady_clock::now() + kAbandonGrace;
    while (!ended() && database_reachable() && std::chrono::steady_clock::now() < grace_ends)
      std::this_thread::sleep_for(kDrainPoll);
  }

  const Settings settings_;
  Metrics metrics_;
  const std::unique_ptr<spool::Spool> spool_;
  const std::function<void(const std::string&)> on_fatal_;
  BrokerSession session_;  // before the client, whose callbacks need it to the end
  mqtt::Client client_;
  AckPublisher acks_;
  Ledger ledger_;
  Router router_;

  mutable std::mutex mutex_;
  std::condition_variable stop_changed_;
  std::string problem_;
  std::string postponed_;
  std::chrono::steady_clock::time_point read_again_at_;
  std::mutex release_mutex_;

  // Of the client's thread.
  std::vector<spool::NewRecord> records_;
  std::vector<std::size_t> places_;  // of these among the messages
  wire::Decoder retained_decoder_;
  std::atomic<spool::Sequence> appended_ = 0;
  std::atomic<spool::Sequence> released_ = 0;
  std::atomic<bool> refusing_ = false;
  bool behind_ = false;  // said in the log; of the thread that calls tick()
  std::atomic<spool::Sequence> appended_at_refusal_ = 0;
  BackOff refusal_back_off_{kBackOffFirst, kBackOffLongest};  // of the client's thread
  std::atomic<bool> fatal_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> stopping_writing_ = false;
  std::atomic<bool> workers_running_ = false;  // from then on workers_ does not change
  std::vector<std::unique_ptr<Worker>> workers_;
  std::thread log_thread_;
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
