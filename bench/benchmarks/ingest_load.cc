#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <pqxx/pqxx>
#include <stdexcept>
#include <thread>

#include "bench/benchmarks/ingest.h"
#include "bench/load/connection.h"
#include "eventstore/postgres/connection.h"

namespace hermes::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPoll{10};  // against seconds of measurement
constexpr int kPollsPerLag = 10;                // the lag is told in tenths of a second, and costs more to ask for
constexpr std::chrono::microseconds kGrain{500};
constexpr std::chrono::minutes kLimit{2};
constexpr std::int64_t kEventsPerMessage = 2;  // MessageSent, MessageReceived

std::int64_t now_us() { return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count(); }

// Asks the database how far log and projection are. Cheap on purpose: 16 rows.
class Progress {
 public:
  explicit Progress(Stack& stack) {
    auto connected = postgres::connect(stack.postgres().superuser());
    if (!connected) throw std::runtime_error(connected.error().message);
    connection_ = std::move(*connected);
  }

  std::int64_t events_in_log() { return ask("SELECT coalesce(sum(next_offset), 0) FROM event_log_heads"); }
  std::int64_t events_projected() {
    return ask("SELECT coalesce(sum(next_offset), 0) FROM projection_checkpoints WHERE projection = 'chat'");
  }
  double lag_seconds() {
    pqxx::nontransaction work(*connection_);
    return work.exec1("SELECT coalesce(max(seconds_behind), 0) FROM projection_lag WHERE projection = 'chat'")[0].as<double>();
  }

 private:
  std::int64_t ask(const char* sql) {
    pqxx::nontransaction work(*connection_);
    return work.exec1(sql)[0].as<std::int64_t>();
  }

  postgres::ConnectionPtr connection_;
};

double cpu_seconds_of(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  // Fields 14 and 15 (user and system time); the name before them may hold spaces, its closing parenthesis ends it.
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// What a process has used since this was made.
class CpuOf {
 public:
  explicit CpuOf(pid_t pid) : pid_(pid), before_(cpu_seconds_of(pid)) {}
  double us_per(std::uint64_t messages) const { return (cpu_seconds_of(pid_) - before_) * 1e6 / static_cast<double>(messages); }

 private:
  pid_t pid_;
  double before_;
};

double resident_mib_of(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

// Each run's ids are new to the log.
std::string new_prefix() { return "bench" + std::to_string(now_us()); }

load::Settings load_of(std::uint16_t port, std::uint64_t messages) {
  load::Settings settings;
  settings.port = port;
  settings.prefix = new_prefix();
  settings.count = messages;
  settings.unacknowledged_max = messages;
  return settings;
}

// Some messages that do not count: processes and database sessions that have just begun fill their caches first.
constexpr std::uint64_t kWarmUpMessages = 10'000;

void warm_up(Stack& stack, bool acknowledged) {
  load::Settings settings = load_of(stack.mosquitto().port(), kWarmUpMessages);
  settings.wait_for_acks = acknowledged;
  LoadProcess(stack.hermes(), settings).finish();
}

// Sends one message more and returns when its acknowledgement was there. On its only connection whoever acknowledges does so in
// order, so that of all others the broker has taken by then too; a queue of them at our end does not count as done.
std::int64_t last_acknowledged_us(std::uint16_t port, const std::string& prefix) {
  const std::string sender = prefix + "-last";
  load::Connection connection;
  connection.open(port, sender);
  const Clock::time_point limit = Clock::now() + kLimit;
  const auto wait_for = [&](const auto& condition) {
    for (load::Connection::Received received;; std::this_thread::sleep_for(kGrain)) {
      if (!connection.send() || !connection.receive(received) || Clock::now() > limit)
        throw std::runtime_error("the last message was not acknowledged");
      if (condition(received)) return;
    }
  };
  wait_for([](const auto& received) { return received.connected; });
  connection.subscribe("chat/messages/" + sender);
  wait_for([](const auto& received) { return received.subscribed; });
  connection.publish("chat/messages/peer-0",
                     R"({"message_id":")" + sender + R"(","sender_id":")" + sender +
                         R"(","sender_name":"Last","receiver_id":"peer-0","content":"x"})",
                     0);
  wait_for([](const auto& received) { return !received.payloads.empty(); });
  return now_us();
}

double per_second(std::uint64_t messages, std::int64_t from_us, std::int64_t to_us) {
  return static_cast<double>(messages) / (static_cast<double>(to_us - from_us) / 1e6);
}

}  // namespace

Counted count_messages(Stack& stack, std::uint64_t messages, SubscriberProcess::Answer answer) {
  const std::uint16_t port = stack.mosquitto().port();
  const bool answering = answer == SubscriberProcess::Answer::acknowledgement;
  SubscriberProcess subscriber(stack.hermes(), port, answer, answering ? 0 : kWarmUpMessages + messages);
  warm_up(stack, answering);
  const CpuOf broker(stack.mosquitto().pid());
  const load::Settings settings = load_of(port, messages);
  LoadProcess process(stack.hermes(), settings);
  Counted counted;
  std::int64_t last_at = 0;
  if (!answering) last_at = subscriber.finish();
  counted.load = process.finish();
  if (answering) last_at = last_acknowledged_us(port, settings.prefix);
  counted.broker_cpu_us = broker.us_per(messages);
  counted.per_s = per_second(messages, counted.load.started_us, last_at);
  return counted;
}

Ingested ingest_messages(Stack& stack, std::uint64_t messages, bool with_projector) {
  Progress progress(stack);
  Service ingester = stack.ingester();
  Service projector = stack.projector();
  ingester.start();
  if (with_projector) projector.start();
  ingester.wait_ready();
  if (with_projector) projector.wait_ready();

  warm_up(stack, /*acknowledged=*/true);
  const std::int64_t goal = progress.events_in_log() + kEventsPerMessage * static_cast<std::int64_t>(messages);
  const CpuOf ingester_cpu(ingester.pid());
  const CpuOf broker_cpu(stack.mosquitto().pid());
  const load::Settings settings = load_of(stack.mosquitto().port(), messages);
  LoadProcess process(stack.hermes(), settings);

  Ingested ingested;
  std::int64_t in_log_at = 0;
  std::int64_t projected_at = 0;
  const Clock::time_point limit = Clock::now() + kLimit;
  for (int poll = 0; in_log_at == 0 || (with_projector && projected_at == 0); ++poll) {
    if (Clock::now() > limit)
      throw std::runtime_error("the messages did not reach the log in time; see " + ingester.log().string());
    if (in_log_at == 0 && progress.events_in_log() >= goal) in_log_at = now_us();
    if (with_projector) {
      if (poll % kPollsPerLag == 0) ingested.lag_s_max = std::max(ingested.lag_s_max, progress.lag_seconds());
      if (projected_at == 0 && progress.events_projected() >= goal) projected_at = now_us();
    }
    std::this_thread::sleep_for(kPoll);
  }
  ingested.load = process.finish();
  const std::int64_t acknowledged_at = last_acknowledged_us(settings.port, settings.prefix);
  ingested.ingester_cpu_us = ingester_cpu.us_per(messages);
  ingested.broker_cpu_us = broker_cpu.us_per(messages);
  ingested.resident_mib = resident_mib_of(ingester.pid());
  ingested.per_s = per_second(messages, ingested.load.started_us, in_log_at);
  ingested.acknowledged_per_s = per_second(messages, ingested.load.started_us, acknowledged_at);
  if (with_projector) ingested.projected_per_s = per_second(messages, ingested.load.started_us, projected_at);
  projector.stop();
  ingester.stop();
  end_session(stack);
  return ingested;
}

void end_session(Stack& stack) {
  load::Connection taker;
  taker.open(stack.mosquitto().port(), "hermes-ingester");  // clean and without an expiry: it ends with the connection
  load::Connection::Received received;
  const Clock::time_point limit = Clock::now() + kLimit;
  while (!received.connected) {
    if (!taker.send() || !taker.receive(received) || Clock::now() > limit)
      throw std::runtime_error("the broker does not end the ingester's session");
    std::this_thread::sleep_for(kPoll);
  }
  taker.leave();
  taker.send();
}

}  // namespace hermes::bench
