// The ingester's session at the broker: reaches it for the first time, subscribes, and sees to it that the broker has granted
// what is wanted and nothing else, whatever was subscribed to before (kept_sessions.h). The client keeps the connection.
//
// The new filter is asked for before a former one is ended: between the two a message may come twice, which the log knows, and
// none is missed. What may be subscribed to is on the disk before the broker hears of it, so that a kill at any moment leaves
// nothing that the next start would not end.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "adapters/ingest/settings.h"
#include "adapters/mqtt/client.h"

namespace hermes::ingest {

class BrokerSession {
 public:
  // Requires: the spool's folder is there. The client is used from start() to stop(), and calls this back for as long as it is
  // there: it must be gone first.
  BrokerSession(mqtt::Client& client, const Settings& settings);

  // Requires: the client is told where messages go; what it tells of its connection comes here.
  void start();

  // Why the broker does not keep messages for us; empty when it does. Any thread.
  std::string problem() const;

  // Leaves the broker, which keeps the session. Requires: called before the end, if it was started.
  void stop();

 private:
  void connected(bool session_present);
  void disconnected(const mqtt::Disconnection& lost);
  void run();
  void reach();
  void say_attempt(const mqtt::FailedAttempt& attempt);
  bool settle();
  bool note(std::vector<std::string> filters);
  bool subscribe();
  bool end_former();
  std::vector<std::string> filters_noted() const;
  std::string taken_over() const;
  void say(const std::string& problem);
  template <class Condition>
  void wait_for(std::chrono::milliseconds duration, Condition condition);

  mqtt::Client& client_;
  const Settings& settings_;
  const std::string broker_;  // host:port
  const std::string filter_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string problem_ = "not subscribed at the broker yet";
  bool connected_ = false;
  std::string attempt_said_;                                            // why the last attempt failed that the log has
  bool reached_ = false;                                                // connected once
  std::optional<std::chrono::steady_clock::time_point> taken_over_at_;  // when another client last took the session
  bool settle_again_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace hermes::ingest
