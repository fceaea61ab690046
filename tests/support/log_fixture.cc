#include "tests/support/log_fixture.h"

#include <atomic>
#include <stdexcept>

#include "base/wall_clock.h"
#include "eventstore/schema/migrations.h"

namespace hermes::test_support {
namespace {

domain::UserId user(std::string_view text) {
  auto id = domain::UserId::parse(text);
  if (!id) throw std::invalid_argument(id.error().message());
  return *id;
}

domain::MessageId message_id(std::string_view text) {
  auto id = domain::MessageId::parse(text);
  if (!id) throw std::invalid_argument(id.error().message());
  return *id;
}

std::uint64_t next_sequence() {
  static std::atomic<std::uint64_t> sequence{1'000'000};  // always as many digits: some tests count bytes
  return ++sequence;
}

// Each arrives a microsecond after the one before it.
eventstore::RawMessage raw(std::string payload, std::uint64_t sequence) {
  static const auto first = wall_clock();
  return {"chat/messages/david", std::move(payload), first + std::chrono::microseconds{sequence}};
}

}  // namespace

LogServer::LogServer(PostgresOptions options) : postgres_(std::move(options)) {}

void LogServer::new_log(int partitions) {
  // Migrated once a partition count; every log is a copy.
  const std::string migrated = "migrated_" + std::to_string(partitions);
  Database server(postgres_.superuser());
  if (server.value("SELECT 1 FROM pg_database WHERE datname = '" + migrated + "'").empty()) {
    server.execute("CREATE DATABASE " + migrated + " OWNER dbowner");
    database_ = migrated;
    Database owner(settings());
    auto result = eventstore::migrate(owner.connection(), eventstore::embedded_migrations(), {.partition_count = partitions});
    if (!result) throw std::runtime_error(result.error().message);
  }
  database_ = "log_" + std::to_string(++count_);
  server.execute("CREATE DATABASE " + database_ + " OWNER dbowner TEMPLATE " + migrated);
}

postgres::Settings LogServer::settings(const std::string& role) const {
  postgres::Settings settings = postgres_.settings();
  settings.database = database_;
  settings.role = role;
  return settings;
}

domain::SendMessage message(std::string_view id, std::string_view sender, std::string_view receiver, std::string_view content) {
  return {message_id(id), user(sender), std::string(sender), user(receiver), std::string(content), "text"};
}

domain::RecordReceipt receipt(std::string_view id, domain::Status status, std::string_view of) {
  return {message_id(id), status, user(of)};
}

domain::SetTyping typing(std::string_view sender, std::string_view receiver, bool is_typing) {
  return {user(sender), std::string(sender), user(receiver), is_typing};
}

eventstore::Incoming incoming(domain::Command command) {
  const std::uint64_t sequence = next_sequence();
  return {.content = std::move(command),
          .occurred_at = Timestamp{std::chrono::seconds{1'700'000'000}},
          .raw = raw("raw " + std::to_string(sequence), sequence),
          .sequence = sequence};
}

eventstore::Incoming malformed(std::string_view payload) {
  const std::uint64_t sequence = next_sequence();
  return {.content = domain::Rejection{domain::RejectionReason::malformed_json, "no JSON at byte 1"},
          .occurred_at = {},
          .raw = raw(std::string(payload), sequence),
          .sequence = sequence};
}

std::vector<eventstore::Incoming> batch(std::vector<domain::Command> commands) {
  std::vector<eventstore::Incoming> result;
  for (domain::Command& command : commands) result.push_back(incoming(std::move(command)));
  return result;
}

std::vector<std::string> outcomes(const std::vector<eventstore::Handled>& handled) {
  using Outcome = eventstore::Handled::Outcome;
  std::vector<std::string> result;
  for (const eventstore::Handled& one : handled) {
    switch (one.outcome) {
      case Outcome::appended: result.push_back("appended"); break;
      case Outcome::duplicate: result.push_back("duplicate"); break;
      case Outcome::parked: result.push_back("parked"); break;
      case Outcome::postponed: result.push_back("postponed"); break;
      case Outcome::rejected: result.push_back(std::string(domain::code(one.rejection.value().reason))); break;
    }
  }
  return result;
}

std::vector<std::string> faults_of_log(Database& database) {
  return database.column(R"sql(
    WITH numbered AS (
      SELECT *, row_number() OVER (PARTITION BY partition ORDER BY "offset") - 1 AS nth,
             row_number() OVER (PARTITION BY stream_key ORDER BY version) - 1 AS nth_of_stream,
             lag(recorded_at) OVER before AS recorded_before,
             coalesce(lag(hash) OVER before, decode(repeat('00', 32), 'hex')) AS hash_before
      FROM event_log WINDOW before AS (PARTITION BY partition ORDER BY "offset")
    ), ends AS (
      SELECT h.*, coalesce(max("offset") + 1, 0) AS end_of_rows,
             (SELECT hash FROM event_log l WHERE l.partition = h.partition ORDER BY "offset" DESC LIMIT 1) AS end_hash,
             (SELECT count(*) FROM parked_events p WHERE p.partition = h.partition) AS parked_rows
      FROM event_log_heads h LEFT JOIN event_log e USING (partition) GROUP BY h.partition
    )
    SELECT 'gap before ' || partition || ':' || "offset" FROM numbered WHERE "offset" <> nth
    UNION ALL SELECT 'version gap in ' || stream_id FROM numbered WHERE version <> nth_of_stream
    UNION ALL SELECT 'time goes back at ' || partition || ':' || "offset" FROM numbered WHERE recorded_at < recorded_before
    UNION ALL SELECT 'head of ' || partition || ' is not the end' FROM ends WHERE next_offset <> end_of_rows
    UNION ALL SELECT 'head of ' || partition || ' has another hash' FROM ends WHERE last_hash <> end_hash
    UNION ALL SELECT 'head of ' || partition || ' counts parked wrongly' FROM ends WHERE parked <> parked_rows
    UNION ALL SELECT 'hash of ' || partition || ':' || "offset" FROM numbered WHERE hash <> sha256(hash_before ||
         int4send(2) || int2send(partition) || int4send(8) || int8send("offset") || int4send(16) || uuid_send(stream_key)
      || int4send(octet_length(stream_id)) || convert_to(stream_id, 'UTF8') || int4send(4) || int4send(version)
      || int4send(octet_length(event_type)) || convert_to(event_type, 'UTF8') || int4send(2) || int2send(schema_version)
      || int4send(octet_length(actor_id)) || convert_to(actor_id, 'UTF8')
      || coalesce(int4send(8) || timestamptz_send(occurred_at), int4send(-1)) || int4send(8) || timestamptz_send(recorded_at)
      || int4send(octet_length(payload)) || payload || coalesce(int4send(8) || timestamptz_send(received_at), ''))
  )sql");
}

}  // namespace hermes::test_support
