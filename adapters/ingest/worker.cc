#include "adapters/ingest/worker.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>

#include "domain/printable_text.h"

namespace hermes::ingest {
namespace {

using eventstore::Handled;
using eventstore::HandleError;
using eventstore::Incoming;

// A database that restarts is back within a second; one that fails over takes several. Longer steps would only add to that.
constexpr std::chrono::milliseconds kBackOffFirst{50};
constexpr std::chrono::milliseconds kBackOffLongest{2'000};
// How long the worker sleeps without work before it looks at its other duties.
constexpr std::chrono::milliseconds kPatience{1'000};

domain::Timestamp now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

bool is_refused_by_database(const Incoming& incoming) {
  const auto* rejection = std::get_if<domain::Rejection>(&incoming.content);
  return rejection && rejection->reason == domain::RejectionReason::refused_by_database;
}

}  // namespace

Worker::Worker(const Settings& settings, Metrics& metrics, AckPublisher& acks, Hooks hooks, bool expires_parked)
    : settings_(settings),
      metrics_(metrics),
      acks_(acks),
      hooks_(std::move(hooks)),
      expires_parked_(expires_parked),
      queue_({.items = kQueuedBatches * settings.batch_messages,
              .bytes = kQueuedBytesMax,
              .batch_items = settings.batch_messages,
              .batch_bytes = kBatchBytesMax}),
      back_off_(kBackOffFirst, kBackOffLongest) {
  thread_ = std::thread([this] {
    try {
      run();
    } catch (const std::exception& error) {
      hooks_.fatal(std::string("a worker cannot go on: ") + domain::escape_for_terminal(error.what()));
    }
    reachable_ = false;
    queue_.close();
    ended_ = true;
  });
}

Worker::~Worker() {
  abandon();
  thread_.join();
}

bool Worker::push(Incoming&& incoming) {
  const std::size_t bytes = sizeof(Incoming) + 2 * incoming.raw.payload.size();
  return queue_.push(std::move(incoming), bytes);
}

void Worker::abandon() {
  {
    std::lock_guard lock(abandon_mutex_);
    abandoned_ = true;
  }
  abandon_changed_.notify_all();
  queue_.close();
}

void Worker::run() {
  if (!start()) return;
  while (true) {
    std::vector<Incoming> batch = queue_.pop(kPatience, settings_.linger);
    if (batch.empty()) {
      if (queue_.drained()) return;
    } else if (!process(batch)) {
      return;
    }
    if (expires_parked_ && std::chrono::steady_clock::now() >= next_parking_check_) expire_parked();
  }
}

bool Worker::start() {
  while (true) {
    try {
      auto connected = postgres::connect(settings_.postgres);
      if (connected) {
        connection_ = std::move(*connected);
        handler_ = std::make_unique<eventstore::CommandHandler>(
            *connection_, eventstore::HandlerSettings{.cache_capacity = settings_.cache_capacity});
        reachable_ = true;
        back_off_.reset();
        return true;
      }
      if (!pause(connected.error().message)) return false;
    } catch (const pqxx::broken_connection& error) {
      if (!pause(error.what())) return false;
    }
  }
}

// True when every message of the batch has an outcome.
bool Worker::process(std::span<Incoming> batch) {
  while (true) {
    const auto started = std::chrono::steady_clock::now();
    auto handled = handler_->handle(batch);
    if (handled) {
      metrics_.batch_messages.Observe(static_cast<double>(batch.size()));
      metrics_.commit_seconds.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
      answered();
      report(batch, *handled);
      return true;
    }
    metrics_.database_failures.Increment();
    const std::string& detail = handled.error().detail;
    switch (handled.error().kind) {
      case HandleError::Kind::refused: return take_apart(batch, detail);
      case HandleError::Kind::storage_full:
        if (!pause(detail)) return false;
        break;
      case HandleError::Kind::unavailable: {
        postgres::ConnectionPtr fresh = reconnect(detail);
        if (!fresh) return false;
        handler_->reconnected(*fresh);
        connection_ = std::move(fresh);
        break;
      }
      case HandleError::Kind::outcome_unknown: {
        std::optional<std::vector<Handled>> outcomes;
        if (!settle(detail, outcomes)) return false;
        if (outcomes) {
          spdlog::info("the commit that was not answered had taken effect");
          answered();
          report(batch, *outcomes);
          return true;
        }
        break;
      }
    }
  }
}

// The database refuses something in the batch for its data. Halves are tried in order, so the order within a stream stays.
bool Worker::take_apart(std::span<Incoming> batch, const std::string& detail) {
  if (batch.size() > 1) {
    const std::size_t half = batch.size() / 2;
    return process(batch.first(half)) && process(batch.subspan(half));
  }
  Incoming& poison = batch.front();
  const std::string printable = domain::escape_for_terminal(detail);
  if (!is_refused_by_database(poison)) {
    spdlog::warn("the database refuses a message for its data; it goes to rejected_events: {}", printable);
    poison.content = domain::Rejection{domain::RejectionReason::refused_by_database, printable};
    return process(batch);
  }
  // Not even its rejection can be kept as it is. What could be wrong with that is the topic's text; the payload is bytes.
  poison.raw.topic = domain::escape_for_terminal(poison.raw.topic);
  return pause("the database refuses to keep a rejected message: " + printable) && process(batch);
}

void Worker::report(std::span<Incoming> batch, std::span<const Handled> outcomes) {
  const domain::Timestamp committed_at = now();
  std::vector<Ack> acks;
  std::vector<spool::Sequence> finished;
  acks.reserve(batch.size());
  finished.reserve(batch.size());
  double appended = 0;
  double duplicate = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Incoming& incoming = batch[i];
    const Handled& outcome = outcomes[i];
    finished.push_back(incoming.sequence);
    // A clock that was set back in between must not take from the sum.
    metrics_.delay_seconds.Observe(std::max(0.0, std::chrono::duration<double>(committed_at - incoming.raw.received_at).count()));
    switch (outcome.outcome) {
      case Handled::Outcome::appended: ++appended; break;
      case Handled::Outcome::duplicate: ++duplicate; break;
      case Handled::Outcome::parked: metrics_.parked.Increment(); continue;
      case Handled::Outcome::rejected:
        if (outcome.rejection) metrics_.rejected(outcome.rejection->reason).Increment();
        continue;
    }
    // A duplicate is answered as the first time: its sender may have missed the answer.
    auto* command = std::get_if<domain::Command>(&incoming.content);
    if (auto* send = command ? std::get_if<domain::SendMessage>(command) : nullptr) {
      acks.push_back({send->message_id.str(), send->sender.str()});
    }
  }
  metrics_.appended.Increment(appended);
  metrics_.duplicate.Increment(duplicate);
  hooks_.finished(finished);
  acks_.publish(std::move(acks));
}

void Worker::expire_parked() {
  next_parking_check_ = std::chrono::steady_clock::now() + std::min(kParkingCheckInterval, settings_.parking_window);
  auto expired = handler_->expire_parked(settings_.parking_window);
  if (expired) {
    answered();
    if (*expired > 0) spdlog::warn("{} receipts waited too long for their message; see: hermes rejected list", *expired);
    metrics_.parked_expired.Increment(static_cast<double>(*expired));
    return;
  }
  metrics_.database_failures.Increment();
  if (expired.error().kind == HandleError::Kind::refused || expired.error().kind == HandleError::Kind::storage_full) {
    spdlog::warn("cannot reject receipts that waited too long: {}", domain::escape_for_terminal(expired.error().detail));
    return;
  }
  // Whether it took effect does not matter: what is still parked is found the next time.
  if (postgres::ConnectionPtr fresh = reconnect(expired.error().detail)) {
    handler_->reconnected(*fresh);
    connection_ = std::move(fresh);
    answered();  // as far as is known: without messages nothing else would tell
  }
}

void Worker::answered() {
  back_off_.reset();
  if (!reachable_.exchange(true)) spdlog::info("the database takes batches again");
}

bool Worker::pause(const std::string& reason) {
  const auto duration = back_off_.next();
  reachable_ = false;
  spdlog::warn("the database does not take the batch, next attempt in {} ms: {}", duration.count(),
               domain::escape_for_terminal(reason));
  std::unique_lock lock(abandon_mutex_);
  return !abandon_changed_.wait_for(lock, duration, [&] { return abandoned_; });
}

postgres::ConnectionPtr Worker::reconnect(const std::string& reason) {
  std::string why = reason;
  while (pause(why)) {
    auto connected = postgres::connect(settings_.postgres);
    if (connected) return std::move(*connected);
    why = connected.error().message;
  }
  return nullptr;
}

bool Worker::settle(const std::string& reason, std::optional<std::vector<Handled>>& outcomes) {
  std::string why = reason;
  while (true) {
    postgres::ConnectionPtr fresh = reconnect(why);
    if (!fresh) return false;
    auto settled = handler_->settle(*fresh);
    connection_ = std::move(fresh);
    if (settled) {
      outcomes = std::move(*settled);
      return true;
    }
    why = settled.error().detail;
  }
}

}  // namespace hermes::ingest
