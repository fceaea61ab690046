#include "tests/support/read_models.h"

#include <stdexcept>
#include <utility>

#include "eventstore/payload.h"
#include "projections/projection.h"

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
  const std::string stream = "message/" + message_id;
  std::string payload;
  eventstore::encode_payload(domain::MessageSent{sent.sender, sent.sender_name, sent.receiver, sent.content, sent.message_type},
                             payload);
  pqxx::work transaction(*connection_);
  const auto count = transaction.exec("SELECT partition_count FROM event_log_settings")[0][0].as<int>();
  const auto key = eventstore::stream_key(stream);
  const auto partition = eventstore::partition_of(key, count);
  transaction.exec_params(
      "INSERT INTO event_log SELECT partition, next_offset, substr(encode(sha256(convert_to($2, 'UTF8')), 'hex'), 1, 32)::uuid, $2, 0, "
      "'MessageSent', 1, 'fredy', NULL, clock_timestamp(), $3, sha256('unchained') FROM event_log_heads WHERE partition = $1 FOR UPDATE",
      partition, stream, pqxx::binarystring(payload));
  transaction.exec_params("UPDATE event_log_heads SET next_offset = next_offset + 1 WHERE partition = $1", partition);
  transaction.commit();
}

bool is_caught_up(Database& database) {
  const std::string projections = std::to_string(projections::all_projections().size());
  return database.value("SELECT count(*) = " + projections + " * (SELECT count(*) FROM event_log_heads) AND coalesce(sum(events_behind), 1) = 0 FROM projection_lag") == "t";
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

}  // namespace hermes::test_support
