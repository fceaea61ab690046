#include "adapters/ingest/intake.h"

#include <spdlog/spdlog.h>

#include <utility>
#include <variant>

#include "adapters/ingest/settings.h"
#include "base/wall_clock.h"

namespace hermes::ingest {

Intake::Intake(spool::Spool& spool, Metrics& metrics, Hooks hooks)
    : spool_(spool), metrics_(metrics), hooks_(std::move(hooks)), back_off_(kRetryFirst, kRetryLongest) {}

std::size_t Intake::take(std::span<const mqtt::Message> messages) {
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
  const spool::Spool::Appended appended = spool_.append(records_, wall_clock());
  if (appended.count > 0) {
    metrics_.received.Increment(static_cast<double>(appended.count));
    appended_ = appended.last;
    hooks_.appended();
  }
  if (appended.error) refuse(*appended.error);
  return appended.count == records_.size() ? messages.size() : places_[appended.count];
}

// Of what the broker retained, for a broker that sends it although nobody asked. A message that was said once is the same
// message, whenever it comes. But a receipt or typing would become an event of today for each fresh session, and what is no
// message at all a new row of rejected_events.
bool Intake::is_worth_keeping(std::string_view payload) {
  const auto decoded = retained_decoder_.decode(payload);
  return decoded && std::holds_alternative<domain::SendMessage>(decoded->command);
}

void Intake::refuse(const spool::AppendError& error) {
  metrics_.not_taken.Increment();
  if (appended_ != appended_at_refusal_) back_off_.reset();
  appended_at_refusal_ = appended_;
  {
    std::lock_guard lock(mutex_);
    read_again_at_ = hooks_.now() + back_off_.next();
    problem_ = "the spool takes no messages: " + error.message;
  }
  spdlog::error("not reading from the broker, which keeps the messages: {}", error.message);
  hooks_.pause();
  refusing_ = true;  // only now may read_again() resume: before the pause that would be undone by it, for good
}

// A share of the spool's room must be free, for each connection has the broker send again what it has under way: on a disk
// that is still full, for nothing. A disk that has room and still takes nothing (a quota, a fault) is tried with back-off.
void Intake::read_again() {
  if (!refusing_) return;
  const spool::Spool::Room room = spool_.room();
  if (static_cast<double>(room.free) <= kResumeFreeShare * static_cast<double>(room.whole)) return;
  {
    std::lock_guard lock(mutex_);
    if (hooks_.now() < read_again_at_) return;
    problem_.clear();
  }
  refusing_ = false;
  spdlog::info("reading from the broker again: the spool has room for {} bytes", room.free);
  hooks_.resume();
}

std::string Intake::problem() const {
  std::lock_guard lock(mutex_);
  return problem_;
}

}  // namespace hermes::ingest
