#include "adapters/ingest/spool_forwarder.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "adapters/ingest/reach_database.h"
#include "base/printable_text.h"

namespace hermes::ingest {
namespace {

// What a worker gets to notice that it is abandoned, and how often it is looked whether it did.
constexpr std::chrono::seconds kAbandonGrace{1};
constexpr std::chrono::milliseconds kEndedPoll{5};

}  // namespace

SpoolForwarder::SpoolForwarder(const Settings& settings, Metrics& metrics, spool::Spool& spool, AckPublisher& acks,
                               std::function<void(const std::string&)> on_fatal)
    : settings_(settings),
      metrics_(metrics),
      spool_(spool),
      acks_(acks),
      on_fatal_(std::move(on_fatal)),
      router_(spool, [this](std::span<const spool::Sequence> sequences) { finished(sequences); }) {}

SpoolForwarder::~SpoolForwarder() {
  stop();
  for (auto& worker : workers_) worker->abandon();
}

void SpoolForwarder::start() {
  thread_ = std::thread([this] { run(); });
}

void SpoolForwarder::stop() {
  stop_.request();
  router_.stop();
  if (workers_running_) {
    for (auto& worker : workers_) worker->close();
  }
  if (thread_.joinable()) thread_.join();
  const auto ended = [&] {
    return std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->ended(); });
  };
  const auto grace_ends = std::chrono::steady_clock::now() + kAbandonGrace;
  while (!ended() && database_reachable() && std::chrono::steady_clock::now() < grace_ends)
    std::this_thread::sleep_for(kEndedPoll);
}

// ---- its own thread ----

void SpoolForwarder::run() {
  try {
    const auto partitions = reach_database(settings_.postgres, stop_);
    if (!partitions) return give_up(partitions.error().message);
    if (!*partitions) return;
    start_workers();
    std::vector<Router::Push> pushes;
    for (auto& worker : workers_)
      pushes.push_back([&worker](eventstore::Incoming&& incoming) { return worker->push(std::move(incoming)); });
    router_.run(pushes, **partitions, ledger_, metrics_);
  } catch (const std::exception& error) {
    give_up(std::string("the router cannot go on: ") + escape_for_terminal(error.what()));
  }
}

void SpoolForwarder::start_workers() {
  for (std::size_t i = 0; i < settings_.workers; ++i) {
    workers_.push_back(std::make_unique<AppendWorker>(
        settings_, metrics_, acks_,
        AppendWorker::Hooks{.finished = [this](std::span<const spool::Sequence> done) { finished(done); },
                            .fatal = [this](const std::string& problem) { give_up(problem); },
                            .postponed = [this](const std::string& why) { say_postponed(why); }},
        i == 0));
  }
  workers_running_ = true;
}

// ---- the workers' threads ----

void SpoolForwarder::finished(std::span<const spool::Sequence> sequences) {
  // One at a time: the spool must not be told of a lower sequence after a higher one.
  std::lock_guard lock(release_mutex_);
  if (auto up_to = ledger_.finish(sequences)) {
    spool_.release(*up_to);
    released_ = *up_to;
  }
}

void SpoolForwarder::say_postponed(const std::string& why) {
  std::lock_guard lock(mutex_);
  if (!why.empty() && postponed_.empty()) spdlog::warn("{}", why);
  postponed_ = why;
}

// ---- any thread ----

void SpoolForwarder::give_up(const std::string& problem) {
  {
    std::lock_guard lock(mutex_);
    if (fatal_) return;
    fatal_ = problem;
  }
  on_fatal_(problem);
}

bool SpoolForwarder::database_reachable() const {
  return workers_running_ &&
         std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->database_reachable(); });
}

std::size_t SpoolForwarder::queued() const {
  std::size_t queued = 0;
  if (workers_running_) {
    for (const auto& worker : workers_) queued += worker->queued();
  }
  return queued;
}

std::optional<std::string> SpoolForwarder::fatal() const {
  std::lock_guard lock(mutex_);
  return fatal_;
}

std::string SpoolForwarder::postponed() const {
  std::lock_guard lock(mutex_);
  return postponed_;
}

}  // namespace hermes::ingest
