#include "projections/read_models/typing.h"

#include <array>
#include <map>
#include <utility>

#include "eventstore/postgres/array_literal.h"

namespace hermes::projections {

std::span<const std::string_view> TypingProjection::tables() const {
  static constexpr std::array<std::string_view, 1> kTables = {"typing_indicators"};
  return kTables;
}

std::span<const std::string_view> TypingProjection::event_types() const {
  static constexpr std::array<std::string_view, 2> kTypes = {"TypingStarted", "TypingStopped"};
  return kTypes;
}

void TypingProjection::apply(std::span<const eventstore::RecordedEvent> events, Target target) const {
  // Of each pair only the last event of the batch counts: started leaves a row, stopped leaves none.
  std::map<std::pair<std::string_view, std::string_view>, const eventstore::RecordedEvent*> last;
  for (const eventstore::RecordedEvent& event : events) {
    if (const auto* started = std::get_if<domain::TypingStarted>(&event.event)) {
      last[{started->sender.str(), started->receiver.str()}] = &event;
    } else if (const auto* stopped = std::get_if<domain::TypingStopped>(&event.event)) {
      last[{stopped->sender.str(), stopped->receiver.str()}] = &event;
    }
  }

  postgres::ArrayLiteral gone_senders, gone_receivers;
  postgres::ArrayLiteral senders, receivers, names, started_at;
  for (const auto& [pair, event] : last) {
    const auto* started = std::get_if<domain::TypingStarted>(&event->event);
    if (!started) {
      gone_senders.add(pair.first);
      gone_receivers.add(pair.second);
      continue;
    }
    senders.add(pair.first);
    receivers.add(pair.second);
    names.add(started->sender_name);
    // Not when it arrived: the view typing_now compares it with the database's clock, and an ingester's may differ.
    started_at.add(rfc3339(event->recorded_at));
  }
  if (!gone_senders.empty()) {
    target.connection.prepare(
        "typing_stopped",
        "DELETE FROM typing_indicators row USING unnest($1::text[], $2::text[]) AS gone (sender_id, receiver_id) "
        "WHERE row.sender_id = gone.sender_id AND row.receiver_id = gone.receiver_id");
    target.transaction.exec_prepared("typing_stopped", gone_senders.str(), gone_receivers.str());
  }
  if (!senders.empty()) {
    target.connection.prepare("typing_started",
                              "INSERT INTO typing_indicators (sender_id, receiver_id, sender_name, started_at) "
                              "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) "
                              "ON CONFLICT (sender_id, receiver_id) DO UPDATE SET "
                              "sender_name = excluded.sender_name, started_at = excluded.started_at");
    target.transaction.exec_prepared("typing_started", senders.str(), receivers.str(), names.str(), started_at.str());
  }
}

}  // namespace hermes::projections
