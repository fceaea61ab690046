#include "eventstore/commands/rejected_messages.h"

#include <algorithm>

#include "eventstore/postgres/statements.h"

namespace hermes::eventstore {
namespace {

// The most bytes of payloads in memory at once. A rejected payload may have a megabyte, so a page of a thousand must be cut.
constexpr std::int64_t kPageBytesMax = 4 << 20;

std::string microseconds(const std::string& column) { return "(extract(epoch FROM " + column + ") * 1000000)::bigint"; }

const std::string kColumns = "id, " + microseconds("rejected_at") + ", " + microseconds("received_at") +
                             ", topic, octet_length(payload), reason, detail, message_id, actor_id, sequence, resolution, " +
                             microseconds("resolved_at") + ", coalesce(resolved_by, ''), coalesce(resolution_note, '')";

Timestamp time_of(const pqxx::field& field) { return Timestamp(std::chrono::microseconds(field.as<std::int64_t>())); }

std::optional<std::string> text_of(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<std::string>();
}

RejectedMessage message_of(const pqxx::row& row) {
  RejectedMessage message{.id = row[0].as<std::int64_t>(),
                          .rejected_at = time_of(row[1]),
                          .received_at = time_of(row[2]),
                          .topic = row[3].as<std::string>(),
                          .payload = {},
                          .payload_bytes = row[4].as<std::size_t>(),
                          .reason = row[5].as<std::string>(),
                          .detail = row[6].as<std::string>(),
                          .message_id = text_of(row[7]),
                          .actor_id = text_of(row[8]),
                          .sequence = row[9].as<std::int64_t>(),
                          .resolution = std::nullopt,
                          .note = row[13].as<std::string>()};
  if (!row[10].is_null()) {
    message.resolution = {.kind = row[10].as<std::string>(), .at = time_of(row[11]), .by = row[12].as<std::string>()};
  }
  return message;
}

// Requires: the payload is in the column after those of kColumns.
RejectedMessage whole_message_of(const pqxx::row& row) {
  RejectedMessage message = message_of(row);
  message.payload = pqxx::binarystring(row[14]).str();
  return message;
}

std::string list_of(std::span<const std::int64_t> ids) {
  std::string list;
  for (const std::int64_t id : ids) list.append(list.empty() ? "" : ",").append(std::to_string(id));
  return list;
}

}  // namespace

std::vector<RejectedMessage> list_rejected(postgres::Connection& connection, const RejectedFilter& filter) {
  std::string condition = filter.with_resolved ? "true" : "resolution IS NULL";
  if (!filter.reason.empty()) condition += " AND reason = " + connection.quote(filter.reason);
  if (filter.since) condition += " AND rejected_at >= " + postgres::timestamp_literal(*filter.since);
  pqxx::work work(connection);
  std::vector<RejectedMessage> messages;
  for (const auto& row : work.exec("SELECT " + kColumns + " FROM rejected_events WHERE " + condition +
                                   " ORDER BY rejected_at DESC, id DESC LIMIT " + std::to_string(filter.limit))) {
    messages.push_back(message_of(row));
  }
  return messages;
}

std::optional<RejectedMessage> find_rejected(postgres::Connection& connection, std::int64_t id) {
  pqxx::work work(connection);
  const pqxx::result rows = work.exec("SELECT " + kColumns + ", payload FROM rejected_events WHERE id = " + std::to_string(id));
  if (rows.empty()) return std::nullopt;
  return whole_message_of(rows[0]);
}

std::vector<RejectedMessage> open_rejected(postgres::Connection& connection, const std::string& reason, std::int64_t after,
                                           std::size_t limit) {
  const std::string condition = reason.empty() ? "" : " AND reason = " + connection.quote(reason);
  pqxx::work work(connection);
  std::vector<RejectedMessage> messages;
  for (const auto& row : work.exec(
           "SELECT " + kColumns +
           ", payload FROM (SELECT *, sum(octet_length(payload)) OVER (ORDER BY id) - octet_length(payload) AS bytes_before "
           "FROM (SELECT * FROM rejected_events WHERE resolution IS NULL AND id > " +
           std::to_string(after) + condition + " ORDER BY id LIMIT " + std::to_string(limit) +
           ") page) r WHERE bytes_before < " + std::to_string(kPageBytesMax) + " ORDER BY id")) {
    messages.push_back(whole_message_of(row));
  }
  return messages;
}

std::vector<std::int64_t> drop_rejected(postgres::Connection& connection, std::span<const std::int64_t> ids,
                                        std::string_view who, std::string_view why) {
  std::vector<std::int64_t> not_open(ids.begin(), ids.end());
  if (ids.empty()) return not_open;
  pqxx::work work(connection);
  // In the order in which a retry locks them.
  for (const auto& row : work.exec("SELECT id FROM rejected_events WHERE resolution IS NULL AND id IN (" + list_of(ids) +
                                   ") ORDER BY id FOR UPDATE")) {
    std::erase(not_open, row[0].as<std::int64_t>());
  }
  if (!not_open.empty()) return not_open;
  work.exec("UPDATE rejected_events SET resolution = 'dropped', resolved_at = now(), resolved_by = " +
            postgres::text_literal(connection, who) + ", resolution_note = " + postgres::text_literal(connection, why) +
            " WHERE id IN (" + list_of(ids) + ")");
  work.commit();
  return not_open;
}

}  // namespace hermes::eventstore
