#include "projections/read_models/chat.h"

#include <array>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "eventstore/postgres/array_literal.h"
#include "projections/read_models/broadcast_receipts.h"
#include "projections/read_models/streams.h"

namespace hermes::projections {
namespace {

using eventstore::RecordedEvent;

constexpr boost::uuids::uuid kMessageNamespace = {{0x6f, 0x0d, 0x2a, 0x52, 0x1c, 0x4e, 0x5b, 0x8e,  //
                                                   0x9d, 0x64, 0x8e, 0x1f, 0x2b, 0x7c, 0x3a, 0x90}};

constexpr std::string_view kMessageColumns =
    "chat_messages (id, message_id, sender_id, sender_name, receiver_id, content, message_type, created_at, updated_at)";
constexpr std::string_view kStatusColumns = "message_status (id, message_id, status, \"timestamp\", user_id)";

void add_message(postgres::BinaryRows& rows, const RecordedEvent& event, std::string_view message_id,
                 const domain::MessageSent& sent) {
  rows.begin_row(9);
  rows.uuid(chat_message_id(message_id));
  rows.text(message_id);
  rows.text(sent.sender.str());
  rows.text(sent.sender_name);
  rows.text(sent.receiver.str());
  rows.text(sent.content);
  rows.text(sent.message_type);
  rows.timestamp(event.arrived_at());
  rows.timestamp(event.arrived_at());
}

struct StatusOf {
  std::string_view status;
  std::string_view user;
};

StatusOf status_of(const RecordedEvent& event) {
  struct {
    const RecordedEvent& recorded;
    StatusOf operator()(const domain::MessageSent& sent) const { return {"sent", sent.sender.str()}; }
    StatusOf operator()(const domain::MessageReceived&) const { return {"received_by_server", "server"}; }
    StatusOf operator()(const domain::MessageDelivered& delivered) const { return {"delivered", delivered.recipient.str()}; }
    StatusOf operator()(const domain::MessageRead& read) const { return {"read", read.recipient.str()}; }
    StatusOf operator()(const domain::TypingStarted&) const { throw CannotApply(recorded.position, "not of a message"); }
    StatusOf operator()(const domain::TypingStopped&) const { throw CannotApply(recorded.position, "not of a message"); }
  } visitor{event};
  return std::visit(visitor, event.event);
}

using MessageIds = std::unordered_set<std::string>;

// Messages that an operator told this projection to leave out. Their receipts are left out with them: nobody should have to
// skip each one that comes, and message_status has nothing to tie them to.
MessageIds skipped_messages(Target target) {
  target.connection.prepare("chat_skipped_messages",
                            "SELECT substr(log.stream_id, length('message/') + 1) FROM projection_skips skip "
                            "JOIN event_log log USING (partition, \"offset\") "
                            "WHERE skip.projection = 'chat' AND log.version = 0 AND log.stream_id LIKE 'message/%'");
  MessageIds ids;
  for (const auto& row : target.transaction.exec_prepared("chat_skipped_messages")) ids.emplace(row[0].c_str());
  return ids;
}

// Messages of earlier batches, and who needs them first.
using Needed = std::unordered_map<std::string_view, eventstore::Position>;

Needed needed_from_earlier_batches(std::span<const RecordedEvent> events) {
  std::unordered_set<std::string_view> sent_here;
  Needed needed;
  for (const RecordedEvent& event : events) {
    const std::string_view message_id = message_id_of(event);
    if (std::holds_alternative<domain::MessageSent>(event.event)) {
      sent_here.insert(message_id);
    } else if (!sent_here.contains(message_id)) {
      needed.emplace(message_id, event.position);
    }
  }
  return needed;
}

// The foreign key of message_status, checked for the whole batch in one query: the projector's sessions do without the check
// row by row, which locks each message anew, where they may (migrations/0011_projector.sql). Returns those that are missing
// because they were skipped, and adds those that are broadcasts.
MessageIds require_messages(const Needed& needed, Target target, MessageIds& broadcasts) {
  if (needed.empty()) return {};
  postgres::ArrayLiteral ids;
  for (const auto& [id, position] : needed) ids.add(id);
  target.connection.prepare("chat_missing_or_broadcast",
                            "SELECT wanted.id, m.message_id IS NULL FROM unnest($1::text[]) AS wanted (id) "
                            "LEFT JOIN chat_messages m ON m.message_id = wanted.id "
                            "WHERE m.message_id IS NULL OR m.receiver_id = 'all'");
  MessageIds missing;
  for (const auto& row : target.transaction.exec_prepared("chat_missing_or_broadcast", ids.str())) {
    (row[1].as<bool>() ? missing : broadcasts).emplace(row[0].c_str());
  }
  if (missing.empty()) return {};
  MessageIds skipped = skipped_messages(target);
  // Of several the first, so that all before it in its partition is applied.
  std::optional<std::pair<eventstore::Position, std::string>> first;
  for (const std::string& id : missing) {
    const eventstore::Position position = needed.at(id);
    if (!skipped.contains(id) && (!first || position < first->first)) first = {position, id};
  }
  if (first) throw CannotApply(first->first, "its message " + first->second + " is not in chat_messages");
  return skipped;
}

}  // namespace

postgres::Uuid chat_message_id(std::string_view message_id) {
  static const boost::uuids::name_generator_sha1 generate(kMessageNamespace);
  const boost::uuids::uuid made = generate(message_id.data(), message_id.size());
  postgres::Uuid id;
  std::memcpy(id.data(), made.data, id.size());
  return id;
}

std::int64_t message_status_id(eventstore::Position position, int partition_count) {
  return position.offset * partition_count + position.partition;
}

std::span<const std::string_view> ChatProjection::tables() const {
  static constexpr std::array<std::string_view, 3> kTables = {"chat_messages", "message_status", "broadcast_receipts"};
  return kTables;
}

std::span<const std::string_view> ChatProjection::event_types() const {
  static constexpr std::array<std::string_view, 4> kTypes = {"MessageSent", "MessageReceived", "MessageDelivered",
                                                             "MessageRead"};
  return kTypes;
}

std::string_view ChatProjection::complete_bare_tables() const { return kCountBroadcastReceipts; }

void ChatProjection::apply(std::span<const RecordedEvent> events, Target target) const {
  postgres::BinaryRows messages;
  postgres::BinaryRows statuses;
  MessageIds broadcasts;
  // Bare tables have no foreign key yet, and no index to look at.
  const MessageIds left_out =
      target.bare ? skipped_messages(target) : require_messages(needed_from_earlier_batches(events), target, broadcasts);
  for (const RecordedEvent& event : events) {
    const std::string_view message_id = message_id_of(event);
    if (!left_out.empty() && left_out.contains(std::string(message_id))) continue;
    if (const auto* sent = std::get_if<domain::MessageSent>(&event.event)) {
      add_message(messages, event, message_id, *sent);
      if (!target.bare && domain::is_broadcast(sent->receiver)) broadcasts.emplace(message_id);
    }
    const StatusOf row = status_of(event);
    statuses.begin_row(5);
    statuses.int64(message_status_id(event.position, target.partition_count));
    statuses.text(message_id);
    statuses.text(row.status);
    statuses.timestamp(event.arrived_at());
    statuses.text(row.user);
  }
  if (messages.row_count() > 0) postgres::copy_in(target.connection, kMessageColumns, messages);
  if (statuses.row_count() > 0) postgres::copy_in(target.connection, kStatusColumns, statuses);
  if (!target.bare && !broadcasts.empty()) count_broadcast_receipts(events, broadcasts, target);
}

}  // namespace hermes::projections
