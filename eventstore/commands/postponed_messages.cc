#include "eventstore/commands/postponed_messages.h"

#include "eventstore/postgres/statements.h"

namespace hermes::eventstore {

std::vector<PostponedMessage> read_postponed(postgres::Connection& connection, const std::optional<PostponedAfter>& after,
                                             std::size_t limit) {
  std::string where;
  if (after) {
    where = " WHERE (received_at, sequence) > (" + postgres::timestamp_literal(after->received_at) + "::timestamptz, " +
            std::to_string(after->sequence) + ")";
  }
  postgres::Statements statements(connection);
  statements.send(
      "SELECT '(''' || stream_key || '''::uuid,' || '''\\x' || encode(payload_sha256, 'hex') || '''::bytea)', topic, payload, "
      "(extract(epoch FROM received_at) * 1000000)::bigint, sequence FROM postponed_events" +
      where + " ORDER BY received_at, sequence LIMIT " + std::to_string(limit));
  const postgres::TextRows rows = statements.rows();
  statements.finish();
  std::vector<PostponedMessage> messages;
  for (int row = 0; row < rows.size(); ++row) {
    messages.push_back({.key = std::string(rows.text(row, 0)),
                        .raw = {std::string(rows.text(row, 1)), rows.bytes(row, 2),
                                Timestamp(std::chrono::microseconds(rows.integer(row, 3)))},
                        .sequence = static_cast<std::uint64_t>(rows.integer(row, 4))});
  }
  return messages;
}

void remove_postponed(postgres::Connection& connection, std::span<const PostponedMessage* const> messages) {
  if (messages.empty()) return;
  std::string keys;
  for (const PostponedMessage* message : messages) keys.append(keys.empty() ? "" : ",").append(message->key);
  postgres::Statements statements(connection);
  statements.send("DELETE FROM postponed_events WHERE (stream_key, payload_sha256) IN (" + keys + ")");
  statements.done();
  statements.finish();
}

}  // namespace hermes::eventstore
