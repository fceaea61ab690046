#include "projections/read_models/inbox.h"

#include <array>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "eventstore/postgres/array_literal.h"
#include "eventstore/postgres/statements.h"
#include "eventstore/schema/payload.h"
#include "projections/read_models/streams.h"

namespace hermes::projections {
namespace {

using eventstore::Position;
using eventstore::RecordedEvent;

struct LastMessage {
  std::tuple<Timestamp, Position> at;
  std::string_view message_id;
  std::string_view sender;
  std::string_view content;
};

// What a batch does to one row.
struct Change {
  long long unread = 0;
  Timestamp active_at = Timestamp::min();
  std::optional<LastMessage> last;
};

// By (user, peer): a map, since rows are to be written in the order of their key.
using Changes = std::map<std::pair<std::string, std::string>, Change>;

std::string_view first_characters(std::string_view utf8, std::size_t count) {
  std::size_t end = 0;
  while (end < utf8.size()) {
    const bool starts_character = (static_cast<unsigned char>(utf8[end]) & 0xC0) != 0x80;
    if (starts_character && count-- == 0) break;
    ++end;
  }
  return utf8.substr(0, end);
}

void raise(Change& change, Timestamp active_at) {
  if (active_at > change.active_at) change.active_at = active_at;
}

void raise(Change& change, const LastMessage& message) {
  raise(change, std::get<0>(message.at));
  if (!change.last || change.last->at < message.at) change.last = message;
}

void add_sent(Changes& changes, const RecordedEvent& event, const domain::MessageSent& sent) {
  const LastMessage message = {{event.arrived_at(), event.position},
                               message_id_of(event),
                               sent.sender.str(),
                               first_characters(sent.content, InboxProjection::kContentCharacters)};
  raise(changes[{sent.sender.str(), sent.receiver.str()}], message);
  if (domain::is_broadcast(sent.receiver)) return;
  Change& received = changes[{sent.receiver.str(), sent.sender.str()}];
  raise(received, message);
  ++received.unread;
}

struct Parties {
  std::string sender;
  std::string receiver;
  bool skipped = false;  // an operator told this projection to leave the message out: then its receipts count for nothing
};

// Who wrote a message to whom: from the batch, or from the first event of its stream, which the log has in the same partition.
class PartiesOf {
 public:
  PartiesOf(std::span<const RecordedEvent> events, Target target) {
    std::unordered_map<std::string_view, const RecordedEvent*> wanted;
    for (const RecordedEvent& event : events) {
      if (const auto* sent = std::get_if<domain::MessageSent>(&event.event)) {
        known_[event.stream_id] = {sent->sender.str(), sent->receiver.str(), false};
      } else if (!known_.contains(event.stream_id)) {
        wanted.emplace(event.stream_id, &event);
      }
    }
    if (!wanted.empty()) load(wanted, target);
  }

  const Parties& operator()(const RecordedEvent& event) const {
    const auto found = known_.find(event.stream_id);
    if (found == known_.end())
      throw CannotApply(event.position, "the log does not say who sent its message " + event.stream_id);
    return found->second;
  }

 private:
  void load(const std::unordered_map<std::string_view, const RecordedEvent*>& wanted, Target target) {
    postgres::ArrayLiteral partitions;
    postgres::ArrayLiteral keys;
    for (const auto& [stream, event] : wanted) {
      partitions.add(static_cast<long long>(event->position.partition));
      const eventstore::StreamKey key = eventstore::stream_key(stream);
      keys.add(postgres::hex({reinterpret_cast<const char*>(key.data()), key.size()}));
    }
    target.connection.prepare(
        "inbox_parties",
        "SELECT log.stream_id, log.event_type, log.schema_version, log.payload, "
        "       EXISTS (SELECT FROM projection_skips skip WHERE skip.projection = 'inbox' "
        "               AND skip.partition = log.partition AND skip.\"offset\" = log.\"offset\") "
        "FROM unnest($1::smallint[], $2::uuid[]) AS stream (partition, key) "
        "JOIN event_log log ON log.partition = stream.partition AND log.stream_key = stream.key AND log.version = 0");
    for (const auto& row : target.transaction.exec_prepared("inbox_parties", partitions.str(), keys.str())) {
      const pqxx::binarystring payload(row[3]);
      const auto event = eventstore::decode_payload(row[1].c_str(), row[2].as<std::int16_t>(),
                                                    std::string_view(payload.get(), payload.size()));
      const std::string stream = row[0].c_str();
      const auto reader = wanted.find(stream);
      if (reader == wanted.end()) continue;
      if (row[4].as<bool>()) {
        known_[stream].skipped = true;  // whether its payload can be read does not matter any more
        continue;
      }
      if (!event) throw CannotApply(reader->second->position, "the first event of its stream: " + event.error().detail);
      if (const auto* sent = std::get_if<domain::MessageSent>(&*event)) {
        known_[stream] = {sent->sender.str(), sent->receiver.str(), false};
      }
    }
  }

  std::unordered_map<std::string, Parties> known_;
};

void add_read(Changes& changes, const RecordedEvent& event, const domain::MessageRead& read, const PartiesOf& parties_of) {
  const Parties& parties = parties_of(event);
  if (parties.skipped || parties.receiver == domain::kEveryone) return;
  Change& reader = changes[{read.recipient.str(), parties.sender}];
  --reader.unread;
  raise(reader, event.arrived_at());
  raise(changes[{parties.sender, read.recipient.str()}], event.arrived_at());
}

// One statement for all rows, in the order of their key. What a receipt does not know of the last message it takes from the row
// itself, which exists: the message came before, in the same partition. (ON CONFLICT checks NOT NULL before it looks for a
// conflict.)
std::string upsert_statement() {
  std::string sql =
      "INSERT INTO inbox AS old (user_id, peer_id, unread_count, last_activity_at, "
      "                          last_message_id, last_sender_id, last_content, last_message_at, last_partition, last_offset) "
      "SELECT new.user_id, new.peer_id, new.unread, new.active_at, "
      "       coalesce(new.message_id, row.last_message_id), coalesce(new.sender_id, row.last_sender_id), "
      "       coalesce(new.content, row.last_content), coalesce(new.message_at, row.last_message_at), "
      "       coalesce(new.partition, row.last_partition), coalesce(new.position, row.last_offset) "
      "FROM unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], "
      "            $8::timestamptz[], $9::smallint[], $10::bigint[]) WITH ORDINALITY "
      "     AS new (user_id, peer_id, unread, active_at, message_id, sender_id, content, message_at, partition, position, "
      "place) "
      "LEFT JOIN inbox row ON new.message_id IS NULL AND row.user_id = new.user_id AND row.peer_id = new.peer_id "
      "ORDER BY new.place "
      "ON CONFLICT (user_id, peer_id) DO UPDATE SET unread_count = old.unread_count + excluded.unread_count, "
      "  last_activity_at = greatest(old.last_activity_at, excluded.last_activity_at)";
  for (const std::string column :
       {"last_message_id", "last_sender_id", "last_content", "last_message_at", "last_partition", "last_offset"}) {
    sql += ", " + column +
           " = CASE WHEN (excluded.last_message_at, excluded.last_partition, excluded.last_offset)"
           " > (old.last_message_at, old.last_partition, old.last_offset) THEN excluded." +
           column + " ELSE old." + column + " END";
  }
  return sql;
}

void write(const Changes& changes, Target target) {
  postgres::ArrayLiteral users, peers, unread, active_at, message_ids, senders, contents, message_at, partitions, offsets;
  for (const auto& [key, change] : changes) {
    users.add(key.first);
    peers.add(key.second);
    unread.add(change.unread);
    active_at.add(rfc3339(change.active_at));
    if (!change.last) {
      for (postgres::ArrayLiteral* column : {&message_ids, &senders, &contents, &message_at, &partitions, &offsets})
        column->add_null();
      continue;
    }
    const auto& [arrived_at, position] = change.last->at;
    message_ids.add(change.last->message_id);
    senders.add(change.last->sender);
    contents.add(change.last->content);
    message_at.add(rfc3339(arrived_at));
    partitions.add(static_cast<long long>(position.partition));
    offsets.add(static_cast<long long>(position.offset));
  }
  static const std::string kUpsert = upsert_statement();
  target.connection.prepare("inbox_upsert", kUpsert);
  target.transaction.exec_prepared("inbox_upsert", users.str(), peers.str(), unread.str(), active_at.str(), message_ids.str(),
                                   senders.str(), contents.str(), message_at.str(), partitions.str(), offsets.str());
}

}  // namespace

std::span<const std::string_view> InboxProjection::tables() const {
  static constexpr std::array<std::string_view, 1> kTables = {"inbox"};
  return kTables;
}

std::span<const std::string_view> InboxProjection::event_types() const {
  static constexpr std::array<std::string_view, 2> kTypes = {"MessageSent", "MessageRead"};
  return kTypes;
}

void InboxProjection::apply(std::span<const RecordedEvent> events, Target target) const {
  const PartiesOf parties_of(events, target);
  Changes changes;
  for (const RecordedEvent& event : events) {
    if (const auto* sent = std::get_if<domain::MessageSent>(&event.event)) {
      add_sent(changes, event, *sent);
    } else if (const auto* read = std::get_if<domain::MessageRead>(&event.event)) {
      add_read(changes, event, *read, parties_of);
    }
  }
  if (!changes.empty()) write(changes, target);
}

}  // namespace hermes::projections
