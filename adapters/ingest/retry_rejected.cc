#include "adapters/ingest/retry_rejected.h"

#include <utility>
#include <vector>

#include "adapters/ingest/kept_incoming.h"
#include "adapters/wire/wire.h"
#include "base/printable_text.h"

namespace hermes::ingest {
namespace {

using eventstore::Handled;
using eventstore::HandleError;
using eventstore::Incoming;
using eventstore::RejectedMessage;

Retried told_of(std::int64_t id, const Handled& handled) {
  switch (handled.outcome) {
    case Handled::Outcome::appended: return {Retried::Outcome::appended, id, eventstore::to_string(*handled.position)};
    case Handled::Outcome::duplicate: return {Retried::Outcome::duplicate, id, "it was in the log already"};
    case Handled::Outcome::parked: return {Retried::Outcome::waits, id, "its message is still not in the log"};
    case Handled::Outcome::postponed: return {Retried::Outcome::waits, id, "its stream can't be read: " + handled.why};
    case Handled::Outcome::rejected: break;
  }
  return {Retried::Outcome::refused, id,
          std::string(domain::code(handled.rejection->reason)) + ": " + handled.rejection->detail};
}

class Retrying {
 public:
  Retrying(postgres::Connection& connection, eventstore::CommandHandler& handler, std::string_view who,
           const std::function<void(const Retried&)>& told)
      : connection_(connection), handler_(handler), who_(who), told_(told) {}

  Result<Done, HandleError> run(std::span<Incoming> batch, std::span<const std::int64_t> rows) {
    auto handled = handler_.retry(batch, rows, who_);
    if (handled) {
      for (std::size_t i = 0; i < rows.size(); ++i) told_(told_of(rows[i], (*handled)[i]));
      return Done{};
    }
    if (handled.error().kind != HandleError::Kind::refused) return fail(std::move(handled.error()));
    // One of them is refused for its data, or was resolved meanwhile. Halves are tried in order, so the order within a stream
    // stays.
    if (batch.size() > 1) {
      const std::size_t half = batch.size() / 2;
      if (auto first = run(batch.first(half), rows.first(half)); !first) return first;
      return run(batch.subspan(half), rows.subspan(half));
    }
    const auto now = eventstore::find_rejected(connection_, rows.front());
    if (!now || now->resolution) {
      told_({Retried::Outcome::not_open, rows.front(),
             now ? now->resolution->kind + " by " + now->resolution->by : "it is gone"});
      return Done{};
    }
    auto* rejection = std::get_if<domain::Rejection>(&batch.front().content);
    if (rejection && rejection->reason == domain::RejectionReason::refused_by_database) return fail(std::move(handled.error()));
    batch.front().content =
        domain::Rejection{domain::RejectionReason::refused_by_database, escape_for_terminal(handled.error().detail)};
    return run(batch, rows);
  }

 private:
  postgres::Connection& connection_;
  eventstore::CommandHandler& handler_;
  const std::string_view who_;
  const std::function<void(const Retried&)>& told_;
};

}  // namespace

Result<Done, HandleError> retry_rejected(postgres::Connection& connection, eventstore::CommandHandler& handler,
                                         std::span<const RejectedMessage> messages, std::string_view who,
                                         const std::function<void(const Retried&)>& told) {
  wire::Decoder decoder;
  std::vector<Incoming> batch;
  std::vector<std::int64_t> rows;
  for (const RejectedMessage& message : messages) {
    batch.push_back(incoming_of_kept(decoder, {message.topic, message.payload, message.received_at},
                                     static_cast<std::uint64_t>(message.sequence)));
    rows.push_back(message.id);
  }
  if (batch.empty()) return Done{};
  return Retrying(connection, handler, who, told).run(batch, rows);
}

}  // namespace hermes::ingest
