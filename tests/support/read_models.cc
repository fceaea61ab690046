#include "tests/support/read_models.h"

#include <stdexcept>
#include <utility>

#include "eventstore/schema/payload.h"
#include "projections/read_models/projection.h"
#include "projections/rebuild/past.h"
#include "projections/rebuild/rebuild.h"

namespace hermes::test_support {
namespace {

postgres::ConnectionPtr connected(const postgres::Settings& settings) {
  auto connection = postgres::connect(settings);
  if (!connection) throw std::runtime_error(connection.error().message);
  return std::move(*connection);
}

}  // namespace

LogWriter::LogWriter(const postgres::Settings& settings) : connection_(connected(settings)), handler_(*connection_, {}) {}

std::vector<eventstore::Handled> LogWriter::append(std::vector<domain::Command> commands) {
  auto handled = handler_.handle(batch(std::move(commands)));
  if (!handled) throw std::runtime_error(handled.error().detail);
  return std::move(*handled);
}

void LogWriter::append_in_silence(const std::string& message_id) {
  const domain::SendMessage sent = message(message_id);
  const domain::MessageSent event{sent.sender, sent.sender_name, sent.receiver, sent.content, sent.message_type};
  std::string payload;
  eventstore::encode_payload(event, payload);
  append_as_is("message/" + message_id, "MessageSent", eventstore::schema_version(event), payload);
}

eventstore::Position LogWriter::append_as_is(const std::string& stream, const std::string& event_type, int schema_version,
                                             const std::string& payload) {
  pqxx::work transaction(*connection_);
  const auto count = transaction.exec1("SELECT partition_count FROM event_log_settings")[0].as<int>();
  const auto partition = eventstore::partition_of(eventstore::stream_key(stream), count);
  const auto offset =
      transaction.exec_params1("SELECT next_offset FROM event_log_heads WHERE partition = $1 FOR UPDATE", partition)[0]
          .as<eventstore::Offset>();
  transaction.exec_params(
      "INSERT INTO event_log SELECT $1, $2, key, $3, (SELECT count(*) FROM event_log WHERE partition = $1 AND stream_key = "
      "key), $4, $5, "
      "'fredy', NULL, clock_timestamp(), $6, sha256('unchained') "
      "FROM CAST(substr(encode(sha256(convert_to($3, 'UTF8')), 'hex'), 1, 32) AS uuid) AS key",
      partition, offset, stream, event_type, schema_version, pqxx::binarystring(payload));
  transaction.exec_params("UPDATE event_log_heads SET next_offset = next_offset + 1 WHERE partition = $1", partition);
  transaction.commit();
  return {partition, offset};
}

bool somebody_waits_for_a_lock(Database& database) {
  return database.value(
             "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") ==
         "t";
}

bool is_caught_up(Database& database) {
  const std::string projections = std::to_string(projections::all_projections().size());
  return database.value(
             "SELECT count(*) = " + projections +
             " * (SELECT count(*) FROM event_log_heads) AND coalesce(sum(events_behind), 1) = 0 FROM projection_lag") == "t";
}

std::string contents(Database& database, const std::string& table, const std::string& schema) {
  std::string text = table + "\n";
  for (const std::string& row : database.column("SELECT row::text FROM " + schema + "." + table + " AS row ORDER BY 1")) {
    text += row + "\n";
  }
  return text;
}

std::string contents_of_all(Database& database, const std::string& schema) {
  std::string text;
  for (const projections::Projection* projection : projections::all_projections()) {
    for (std::string_view table : projection->tables()) text += contents(database, std::string(table), schema);
  }
  return text;
}

std::vector<std::string> faults_of_read_models(const postgres::Settings& settings) {
  Database database(settings);
  std::vector<std::string> faults = database.column(R"sql(
    WITH message_event AS (
      SELECT "offset" * (SELECT partition_count FROM event_log_settings) + partition AS id, event_type, actor_id, stream_id
      FROM event_log WHERE stream_id LIKE 'message/%'
    ), unread AS (
      SELECT (SELECT count(*) FROM chat_messages WHERE receiver_id <> 'all')
           - (SELECT count(*) FROM message_status JOIN chat_messages USING (message_id) WHERE status = 'read' AND receiver_id <> 'all') AS count
    )
    SELECT count(*) || ' events without their status row' FROM message_event LEFT JOIN message_status USING (id)
      WHERE message_id IS NULL HAVING count(*) > 0
    UNION ALL SELECT count(*) || ' status rows without their event' FROM message_status LEFT JOIN message_event USING (id)
      WHERE stream_id IS NULL HAVING count(*) > 0
    UNION ALL SELECT (SELECT count(*) FROM chat_messages) || ' messages, ' || count(*) || ' were sent' FROM message_event
      WHERE event_type = 'MessageSent' HAVING count(*) <> (SELECT count(*) FROM chat_messages)
    UNION ALL SELECT sum(unread_count) || ' unread in inbox, ' || unread.count || ' by their receipts' FROM inbox, unread
      GROUP BY unread.count HAVING sum(unread_count) <> unread.count
  )sql");

  database.execute("DROP SCHEMA IF EXISTS fresh_fold CASCADE");
  pqxx::work reading(database.connection());
  const std::vector<eventstore::Offset> ends = projections::ends_at(reading, Timestamp::max());
  reading.commit();
  const auto all = projections::all_projections();
  const auto fresh = projections::fold_into({{all.begin(), all.end()}, "fresh_fold", ends, ""}, {settings}, [](const auto&) {});
  if (!fresh) faults.push_back(fresh.error().message);
  for (const projections::Projection* projection : all) {
    for (std::string_view table : projection->tables()) {
      const std::string name(table);
      if (contents(database, name) != contents(database, name, "fresh_fold"))
        faults.push_back(name + " is not what a fresh fold gives");
    }
  }
  return faults;
}

}  // namespace hermes::test_support
