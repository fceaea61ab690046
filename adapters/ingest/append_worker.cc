#include "adapters/ingest/append_worker.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>

#include "adapters/ingest/kept_incoming.h"
#include "base/printable_text.h"
#include "base/wall_clock.h"

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
// Receipts that waited too long, between two batches: messages must not wait until all of many are rejected.
constexpr std::size_t kExpiredAtOnce = 2'000;

bool is_refused_by_database(const Incoming& incoming) {
  const auto* rejection = std::get_if<domain::Rejection>(&incoming.content);
  return rejection && rejection->reason == domain::RejectionReason::refused_by_database;
}

}  // namespace

AppendWorker::AppendWorker(const Settings& settings, Metrics& metrics, AckPublisher& acks, Hooks hooks, bool expires_parked)
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
      hooks_.fatal(std::string("a worker cannot go on: ") + escape_for_terminal(error.what()));
    }
    reachable_ = false;
    queue_.close();
    ended_ = true;
  });
}

AppendWorker::~AppendWorker() {
  abandon();
  thread_.join();
}

bool AppendWorker::push(Incoming&& incoming) {
  const std::size_t bytes = sizeof(Incoming) + 2 * incoming.raw.payload.size();
  return queue_.push(std::move(incoming), bytes);
}

void AppendWorker::abandon() {
  {
    std::lock_guard lock(abandon_mutex_);
    abandoned_ = true;
  }
  abandon_changed_.notify_all();
  queue_.close();
}

void AppendWorker::run() {
  if (!start()) return;
  while (true) {
    std::vector<Incoming> batch = queue_.pop(kPatience, settings_.linger);
    if (batch.empty()) {
      if (queue_.drained()) return;
    } else if (!process(batch, [this](auto piece, auto outcomes) { report(piece, outcomes); })) {
      return;
    }
    if (expires_parked_ && std::chrono::steady_clock::now() >= next_parking_check_) {
      expire_parked();
      if (!retry_postponed()) return;
    }
  }
}

bool AppendWorker::start() {
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

// True when every message of the batch has an outcome. `handled` is called with the pieces that it was committed in.
bool AppendWorker::process(std::span<Incoming> batch, const OnHandled& handled) {
  Pieces<Incoming> pieces(batch);
  while (!pieces.empty()) {
    const std::span<Incoming> piece = pieces.next();
    const auto started = std::chrono::steady_clock::now();
    auto outcomes = handler_->handle(piece);
    if (outcomes) {
      metrics_.batch_messages.Observe(static_cast<double>(piece.size()));
      metrics_.commit_seconds.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
    } else {
      metrics_.database_failures.Increment();
      const std::string& detail = outcomes.error().detail;
      if (outcomes.error().kind == HandleError::Kind::refused) {
        if (!take_apart(pieces, detail)) return false;
        continue;
      }
      Settled settled = overcome(outcomes.error());
      if (!settled) return false;
      if (!*settled) continue;
      spdlog::info("the commit that was not answered had taken effect");
      outcomes = std::move(**settled);
    }
    answered();
    handled(piece, *outcomes);
    pieces.taken();
  }
  return true;
}

// Waits until the same can be tried again, or finds out that it was committed after all.
AppendWorker::Settled AppendWorker::overcome(const HandleError& error) {
  switch (error.kind) {
    case HandleError::Kind::refused: break;  // that is for take_apart()
    case HandleError::Kind::later:
      if (!pause(error.detail)) return fail(Abandoned{});
      break;
    case HandleError::Kind::unavailable: {
      postgres::ConnectionPtr fresh = reconnect(error.detail);
      if (!fresh) return fail(Abandoned{});
      handler_->reconnected(*fresh);
      connection_ = std::move(fresh);
      break;
    }
    case HandleError::Kind::outcome_unknown: return settle(error.detail);
  }
  return std::optional<std::vector<Handled>>();
}

// The database refuses something in the piece on top for its data.
bool AppendWorker::take_apart(Pieces<Incoming>& pieces, const std::string& detail) {
  if (pieces.halve()) return true;
  Incoming& poison = pieces.next().front();
  const std::string printable = escape_for_terminal(detail);
  if (!is_refused_by_database(poison)) {
    spdlog::warn("the database refuses a message for its data; it goes to rejected_events: {}", printable);
    poison.content = domain::Rejection{domain::RejectionReason::refused_by_database, printable};
    return true;
  }
  // Not even its rejection can be kept as it is. What could be wrong with that is the topic's text; the payload is bytes.
  poison.raw.topic = escape_for_terminal(poison.raw.topic);
  return pause("the database refuses to keep a rejected message: " + printable);
}

// Messages whose stream could not be read are handed in again: by this binary, or by the newer one that it has become, they are
// decided like any other. They are not in the spool any more.
bool AppendWorker::retry_postponed() {
  wire::Decoder decoder;
  for (std::size_t tried = 0; tried < kPostponedAtOnce; tried += kPostponedPage) {
    std::vector<eventstore::PostponedMessage> page;
    try {
      page = eventstore::read_postponed(*connection_, postponed_after_, kPostponedPage);
    } catch (const pqxx::failure& error) {
      spdlog::warn("cannot look for messages that wait for a newer version: {}", escape_for_terminal(error.what()));
      return true;  // a connection that is lost shows with the next batch
    }
    if (page.empty()) {
      if (!some_still_wait_) hooks_.postponed("");
      some_still_wait_ = false;
      postponed_after_.reset();
      return true;
    }
    postponed_after_ = {page.back().raw.received_at, page.back().sequence};
    if (!handle_again(page, decoder)) return false;
  }
  return true;
}

bool AppendWorker::handle_again(std::span<const eventstore::PostponedMessage> page, wire::Decoder& decoder) {
  std::vector<Incoming> batch;
  for (const auto& message : page) batch.push_back(incoming_of_kept(decoder, message.raw, message.sequence));
  std::vector<const eventstore::PostponedMessage*> over;
  const bool done = process(batch, [&](std::span<Incoming> piece, std::span<const Handled> outcomes) {
    count_and_acknowledge(piece, outcomes);
    for (std::size_t i = 0; i < piece.size(); ++i) {
      if (outcomes[i].outcome != Handled::Outcome::postponed)
        over.push_back(&page[static_cast<std::size_t>(&piece[i] - batch.data())]);
    }
  });
  some_still_wait_ |= over.size() < page.size();
  if (over.empty()) return done;
  try {
    eventstore::remove_postponed(*connection_, over);
    spdlog::info("{} messages whose stream could not be read were taken up", over.size());
  } catch (const pqxx::failure& error) {
    // Handed in once more, they are duplicates.
    spdlog::warn("cannot remove messages that wait no more: {}", escape_for_terminal(error.what()));
  }
  return done;
}

void AppendWorker::report(std::span<Incoming> batch, std::span<const Handled> outcomes) {
  const Timestamp committed_at = wall_clock();
  std::vector<spool::Sequence> finished;
  finished.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Incoming& incoming = batch[i];
    finished.push_back(incoming.sequence);
    if (outcomes[i].outcome == Handled::Outcome::postponed) metrics_.postponed.Increment();
    // A clock that was set back in between must not take from the sum.
    metrics_.delay_seconds.Observe(
        std::max(0.0, std::chrono::duration<double>(committed_at - incoming.raw.received_at).count()));
  }
  hooks_.finished(finished);
  count_and_acknowledge(batch, outcomes);
}

void AppendWorker::count_and_acknowledge(std::span<Incoming> batch, std::span<const Handled> outcomes) {
  std::vector<Ack> acks;
  acks.reserve(batch.size());
  double appended = 0;
  double duplicate = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Incoming& incoming = batch[i];
    const Handled& outcome = outcomes[i];
    switch (outcome.outcome) {
      case Handled::Outcome::appended: ++appended; break;
      case Handled::Outcome::duplicate: ++duplicate; break;
      case Handled::Outcome::parked: metrics_.parked.Increment(); continue;
      case Handled::Outcome::rejected:
        if (outcome.rejection) metrics_.rejected(outcome.rejection->reason).Increment();
        continue;
      case Handled::Outcome::postponed:
        hooks_.postponed("messages wait until their stream can be read: " + outcome.why);
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
  acks_.publish(std::move(acks));
}

void AppendWorker::expire_parked() {
  next_parking_check_ = std::chrono::steady_clock::now() + std::min(kParkingCheckInterval, settings_.parking_window);
  auto expired = handler_->expire_parked(settings_.parking_window, kExpiredAtOnce);
  if (expired) {
    answered();
    if (*expired > 0) spdlog::warn("{} receipts waited too long for their message; see: hermes rejected list", *expired);
    metrics_.parked_expired.Increment(static_cast<double>(*expired));
    if (*expired >= kExpiredAtOnce) next_parking_check_ = std::chrono::steady_clock::now();  // after the next batch
    return;
  }
  metrics_.database_failures.Increment();
  if (expired.error().kind == HandleError::Kind::refused || expired.error().kind == HandleError::Kind::later) {
    spdlog::warn("cannot reject receipts that waited too long: {}", escape_for_terminal(expired.error().detail));
    return;
  }
  // Whether it took effect does not matter: what is still parked is found the next time.
  if (postgres::ConnectionPtr fresh = reconnect(expired.error().detail)) {
    handler_->reconnected(*fresh);
    connection_ = std::move(fresh);
    answered();  // as far as is known: without messages nothing else would tell
  }
}

void AppendWorker::answered() {
  back_off_.reset();
  if (!reachable_.exchange(true)) spdlog::info("the database takes batches again");
}

bool AppendWorker::pause(const std::string& reason) {
  const auto duration = back_off_.next();
  reachable_ = false;
  spdlog::warn("the database does not take the batch, next attempt in {} ms: {}", duration.count(),
               escape_for_terminal(reason));
  std::unique_lock lock(abandon_mutex_);
  return !abandon_changed_.wait_for(lock, duration, [&] { return abandoned_; });
}

postgres::ConnectionPtr AppendWorker::reconnect(const std::string& reason) {
  std::string why = reason;
  while (pause(why)) {
    auto connected = postgres::connect(settings_.postgres);
    if (connected) return std::move(*connected);
    why = connected.error().message;
  }
  return nullptr;
}

AppendWorker::Settled AppendWorker::settle(const std::string& reason) {
  std::string why = reason;
  while (true) {
    postgres::ConnectionPtr fresh = reconnect(why);
    if (!fresh) return fail(Abandoned{});
    auto settled = handler_->settle(*fresh);
    connection_ = std::move(fresh);
    if (settled) return std::move(*settled);
    why = settled.error().detail;
  }
}

}  // namespace hermes::ingest
