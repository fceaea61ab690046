#include "tools/status/service_heartbeat.h"

#include <unistd.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/host_name.h"

namespace hermes::eventstore {
namespace {

constexpr const char* kWriteRow =
    "INSERT INTO service_heartbeats (service, instance, host, pid, version, started_at, beat_at, interval_seconds, state, "
    "problem, details) VALUES ($1, $2, $3, $4, $5, to_timestamp($6), now(), $7, $8, $9, $10) "
    "ON CONFLICT (service, instance) DO UPDATE SET host = excluded.host, pid = excluded.pid, version = excluded.version, "
    "started_at = excluded.started_at, beat_at = excluded.beat_at, interval_seconds = excluded.interval_seconds, "
    "state = excluded.state, problem = excluded.problem, details = excluded.details";
constexpr const char* kCallQueryFunction = "SELECT query_service_heartbeat($1, $2, $3, $4, to_timestamp($5), $6, $7, $8, $9)";
// How often the service is asked; a row is written only if the state is new or a beat is due.
constexpr std::chrono::milliseconds kLook{500};
constexpr const char* kForgetSilent = "DELETE FROM service_heartbeats WHERE beat_at < now() - interval '1 day'";

}  // namespace

class ServiceHeartbeat::Impl {
 public:
  Impl(Settings settings, std::function<Heartbeat()> beat)
      : settings_(std::move(settings)),
        beat_(std::move(beat)),
        started_at_(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count()) {
    thread_ = std::thread([this] { run(); });
  }

  ~Impl() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  void run() {
    Heartbeat last;
    std::chrono::steady_clock::time_point due{};
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      const auto now = std::chrono::steady_clock::now();
      Heartbeat heartbeat = beat_();
      if (now >= due || !heartbeat.same_state(last)) {
        write(heartbeat);
        due = now + settings_.interval;
        last = std::move(heartbeat);
      }
      lock.lock();
      changed_.wait_for(lock, kLook, [&] { return stopping_; });
    }
    // Only over an existing connection: stopping does not wait for a database.
    if (connection_) write({.state = "stopped", .problem = {}, .details = "{}"});
  }

  void write(const Heartbeat& heartbeat) {
    try {
      if (!connection_) {
        auto connected = postgres::connect(settings_.postgres);
        if (!connected) return;
        connection_ = std::move(*connected);
      }
      pqxx::work work(*connection_);
      const auto pid = static_cast<int>(getpid());
      const auto seconds = static_cast<int>(settings_.interval.count());
      switch (settings_.write) {
        case Write::row:
          work.exec(kForgetSilent);
          work.exec_params(kWriteRow, settings_.service, settings_.instance, host_name(), pid, settings_.version, started_at_,
                           seconds, heartbeat.state, heartbeat.problem, heartbeat.details);
          break;
        case Write::query_function:
          work.exec_params(kCallQueryFunction, settings_.instance, host_name(), pid, settings_.version, started_at_, seconds,
                           heartbeat.state, heartbeat.problem, heartbeat.details);
          break;
      }
      work.commit();
    } catch (const std::exception&) {
      // The next beat makes a new connection. The service's own work meets the same problem and reports it.
      connection_.reset();
    }
  }

  const Settings settings_;
  const std::function<Heartbeat()> beat_;
  const double started_at_;
  postgres::ConnectionPtr connection_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

ServiceHeartbeat::ServiceHeartbeat(Settings settings, std::function<Heartbeat()> beat)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(beat))) {}
ServiceHeartbeat::~ServiceHeartbeat() = default;

}  // namespace hermes::eventstore
