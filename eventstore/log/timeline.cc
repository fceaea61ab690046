#include "eventstore/log/timeline.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "domain/message.h"
#include "domain/stream_id.h"

namespace hermes::eventstore {
namespace {

using Snapshot = pqxx::transaction<pqxx::repeatable_read, pqxx::read_only>;

// The status that an event of a message gives it, and the recipient it concerns.
struct Facts {
  std::string_view status;
  std::optional<std::string> recipient;
};

Facts facts_of(const domain::Event& event) {
  struct {
    Facts operator()(const domain::MessageSent&) const { return {to_string(domain::Status::sent), {}}; }
    Facts operator()(const domain::MessageReceived&) const { return {to_string(domain::Status::received_by_server), {}}; }
    Facts operator()(const domain::MessageDelivered& e) const {
      return {to_string(domain::Status::delivered), e.recipient.str()};
    }
    Facts operator()(const domain::MessageRead& e) const { return {to_string(domain::Status::read), e.recipient.str()}; }
    // A message's stream has such an event only if somebody forged it; apply() reports it below.
    Facts operator()(const domain::TypingStarted&) const { return {"typing", {}}; }
    Facts operator()(const domain::TypingStopped&) const { return {"typing", {}}; }
  } visitor;
  return std::visit(visitor, event);
}

Timestamp from_microseconds(std::int64_t microseconds) { return Timestamp(std::chrono::microseconds(microseconds)); }

std::string microseconds_of(const std::string& column) { return "(extract(epoch FROM " + column + ") * 1000000)::bigint"; }

std::optional<Timestamp> optional_time(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return from_microseconds(field.as<std::int64_t>());
}

std::optional<std::string> optional_text(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<std::string>();
}

std::optional<Timestamp> recorded_at(Snapshot& snapshot, Position position) {
  const pqxx::result rows = snapshot.exec_params(
      "SELECT " + microseconds_of("recorded_at") + " FROM event_log WHERE partition = $1 AND \"offset\" = $2",
      position.partition, position.offset);
  if (rows.empty()) return std::nullopt;
  return from_microseconds(rows[0][0].as<std::int64_t>());
}

void add_parked(Snapshot& snapshot, Timeline& timeline, std::optional<std::size_t> max) {
  const pqxx::result rows = snapshot.exec_params("SELECT " + microseconds_of("parked_at") + ", status, user_id, " +
                                                     microseconds_of("occurred_at") + ", " + microseconds_of("received_at") +
                                                     " FROM parked_events WHERE message_id = $1 ORDER BY parked_at, id" +
                                                     (max ? " LIMIT " + std::to_string(*max + 1) : ""),
                                                 timeline.message_id);
  std::size_t told = 0;
  for (const auto& row : rows) {
    if (max && told++ == *max) {
      timeline.cut = true;
      break;
    }
    TimelineStep step;
    step.kind = TimelineStep::Kind::parked;
    step.at = from_microseconds(row[0].as<std::int64_t>());
    step.what = row[1].as<std::string>();
    step.actor = row[2].as<std::string>();
    step.recipient = step.actor;
    step.occurred_at = optional_time(row[3]);
    step.received_at = from_microseconds(row[4].as<std::int64_t>());
    step.detail = "waits for its message";
    timeline.steps.push_back(std::move(step));
  }
}

void add_rejected(Snapshot& snapshot, Timeline& timeline) {
  const pqxx::result rows = snapshot.exec_params(
      "SELECT " + microseconds_of("rejected_at") + ", reason, detail, actor_id, resolution, " + microseconds_of("received_at") +
          " FROM rejected_events WHERE "
          "message_id = $1 ORDER BY rejected_at DESC, id DESC LIMIT " +
          std::to_string(kTimelineAttemptsMax),
      timeline.message_id);
  for (const auto& row : rows) {
    TimelineStep step;
    step.kind = TimelineStep::Kind::rejected;
    step.at = from_microseconds(row[0].as<std::int64_t>());
    step.what = row[1].as<std::string>();
    step.detail = row[2].as<std::string>();
    if (!row[4].is_null()) *step.detail += " (" + row[4].as<std::string>() + ")";
    step.actor = optional_text(row[3]);
    step.received_at = from_microseconds(row[5].as<std::int64_t>());
    timeline.steps.push_back(std::move(step));
  }
  if (rows.size() == kTimelineAttemptsMax) {
    const pqxx::row count =
        snapshot.exec_params1("SELECT count(*) FROM rejected_events WHERE message_id = $1", timeline.message_id);
    timeline.attempts_left_out = count[0].as<std::size_t>() - kTimelineAttemptsMax;
  }
}

}  // namespace

Timeline timeline_of(std::string_view message_id, const std::vector<RecordedEvent>& events) {
  Timeline timeline;
  timeline.message_id = message_id;
  domain::Message message;
  std::vector<const domain::Event*> applied;
  std::optional<Timestamp> trunk_moved;           // the last step of the message as a whole
  std::map<std::string, Timestamp> branch_moved;  // the last step of each recipient
  for (const RecordedEvent& recorded : events) {
    const Facts facts = facts_of(recorded.event);
    TimelineStep step;
    step.at = recorded.recorded_at;
    step.received_at = recorded.received_at;
    step.what = facts.status;
    step.actor = recorded.actor_id;
    step.recipient = facts.recipient;
    step.position = recorded.position;
    step.version = recorded.version;
    step.occurred_at = recorded.occurred_at;

    const Timestamp arrived_at = recorded.arrived_at();
    std::optional<Timestamp> before = trunk_moved;
    if (facts.recipient) {
      const auto branch = branch_moved.find(*facts.recipient);
      if (branch != branch_moved.end()) before = branch->second;
      branch_moved.insert_or_assign(*facts.recipient, arrived_at);
    } else {
      trunk_moved = arrived_at;
    }
    if (before && *before <= arrived_at) step.since_previous = arrived_at - *before;

    // The message is moved into apply(), because a broadcast's state grows with its recipients. If an event cannot follow,
    // which is rare, the events so far are applied again.
    auto next = domain::apply(std::move(message), recorded.event);
    if (next) {
      message = std::move(*next);
      applied.push_back(&recorded.event);
      if (const auto* delivered = std::get_if<domain::MessageDelivered>(&recorded.event)) {
        step.state = message.state_for(delivered->recipient);
      } else if (const auto* read = std::get_if<domain::MessageRead>(&recorded.event)) {
        step.state = message.state_for(read->recipient);
      } else {
        // The sender has no branch, so this is the state of the whole message.
        step.state = message.state_for(message.sender());
      }
    } else {
      message = domain::Message();
      for (const domain::Event* event : applied) message = *domain::apply(std::move(message), *event);
      step.detail = "cannot follow what is before it: " + next.error().detail + "; see hermes verify";
    }
    if (const auto* sent = std::get_if<domain::MessageSent>(&recorded.event)) timeline.message = *sent;
    timeline.steps.push_back(std::move(step));
  }
  return timeline;
}

Result<Timeline, NoSuchPosition> read_timeline(postgres::Connection& connection, std::string_view message_id,
                                               const std::optional<TimelineUntil>& until,
                                               std::optional<std::size_t> events_max) {
  Snapshot snapshot(connection);
  EventBatch batch;
  if (auto id = domain::MessageId::parse(message_id)) {
    const auto one_more = events_max ? std::optional(*events_max + 1) : std::nullopt;
    batch = read_stream(connection, domain::message_stream(*id), one_more);
  }
  const bool more_events = events_max && batch.events.size() > *events_max;
  if (more_events) batch.events.erase(batch.events.begin() + static_cast<std::ptrdiff_t>(*events_max), batch.events.end());

  std::optional<Timestamp> last;  // no step is later than this
  if (until) {
    const Position* position = std::get_if<Position>(&*until);
    last = position == nullptr ? std::get<Timestamp>(*until) : recorded_at(snapshot, *position);
    if (!last) return fail(NoSuchPosition{*position});
    std::erase_if(batch.events, [&](const RecordedEvent& event) {
      const bool comparable = position != nullptr && position->partition == event.position.partition;
      return comparable ? event.position.offset > position->offset : event.recorded_at > *last;
    });
  }

  Timeline timeline = timeline_of(message_id, batch.events);
  timeline.unreadable = batch.unreadable;
  timeline.cut = more_events;
  add_parked(snapshot, timeline, events_max);
  add_rejected(snapshot, timeline);
  snapshot.commit();
  if (last) {
    std::erase_if(timeline.steps,
                  [&](const TimelineStep& step) { return step.kind != TimelineStep::Kind::event && step.at > *last; });
  }
  // Events keep the order of the stream, whatever their times: they were added first, and equal times keep their order.
  std::stable_sort(timeline.steps.begin(), timeline.steps.end(),
                   [](const TimelineStep& a, const TimelineStep& b) { return a.at < b.at; });
  return timeline;
}

}  // namespace hermes::eventstore
