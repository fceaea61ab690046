#include "tests/support/witness.h"

#include <cstdlib>
#include <fstream>
#include <limits>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>

#include "tests/support/eventually.h"
#include "tests/support/servers.h"

namespace hermes::test_support {
namespace {

load::Settings settings_of(bench::Stack& stack, double per_second, std::chrono::milliseconds again) {
  load::Settings settings;
  settings.port = stack.mosquitto().port();
  settings.prefix = "witness";
  settings.per_second = per_second;
  settings.count = std::numeric_limits<std::int64_t>::max();
  settings.wait_for_acks = true;
  settings.send_again_after = again;
  settings.unacknowledged_max = 20'000;
  return settings;
}

void copy_ids(Database& database, const std::filesystem::path& file) {
  database.execute("DROP TABLE IF EXISTS pg_temp.acknowledged; CREATE TEMP TABLE acknowledged (message_id text PRIMARY KEY)");
  pqxx::work work(database.connection());
  auto stream = pqxx::stream_to(work, "acknowledged");
  std::ifstream ids(file);
  for (std::string id; std::getline(ids, id);) stream << std::tuple(id);
  stream.complete();
  work.commit();
  database.execute("ANALYZE acknowledged");
}

}  // namespace

Witness::Witness(bench::Stack& stack, double per_second, std::chrono::milliseconds again)
    : process_(stack.hermes(), settings_of(stack, per_second, again)) {}

Witness::Testimony Witness::finish() {
  process_.stop_publishing();
  return {process_.finish(), process_.witness_file()};
}

Account account_of(Database& database, const std::filesystem::path& acknowledged_ids) {
  copy_ids(database, acknowledged_ids);
  const auto count = [&](const char* sql) { return std::stoll(database.value(sql)); };
  Account account;
  account.acknowledged = count("SELECT count(*) FROM acknowledged");
  database.execute(
      "DROP TABLE IF EXISTS pg_temp.in_log;"
      "CREATE TEMP TABLE in_log AS SELECT substr(stream_id, 9) AS message_id,"
      "  count(*) FILTER (WHERE event_type = 'MessageSent') AS sent, count(*) FILTER (WHERE event_type = 'MessageReceived') AS "
      "received"
      "  FROM event_log WHERE stream_id LIKE 'message/%' GROUP BY stream_id; ANALYZE in_log");
  account.missing_in_log = count(
      "SELECT count(*) FROM acknowledged LEFT JOIN in_log USING (message_id) WHERE coalesce(sent, 0) = 0 OR coalesce(received, "
      "0) = 0");
  account.doubled_in_log = count("SELECT count(*) FROM in_log WHERE sent > 1 OR received > 1");
  account.missing_in_chat = count(
      "SELECT count(*) FROM acknowledged WHERE NOT EXISTS (SELECT FROM chat_messages c WHERE c.message_id = "
      "acknowledged.message_id)");
  database.execute(
      "DROP TABLE IF EXISTS pg_temp.statuses;"
      "CREATE TEMP TABLE statuses AS SELECT message_id::text, count(*) AS count FROM message_status GROUP BY message_id; "
      "ANALYZE statuses");
  account.missing_statuses = count(
      "SELECT coalesce(sum(greatest(2 - coalesce(count, 0), 0)), 0) FROM acknowledged LEFT JOIN statuses USING (message_id)");
  account.doubled_statuses = count("SELECT count(*) FROM statuses WHERE count > 2");
  account.rejected = count("SELECT count(*) FROM rejected_events");
  return account;
}

std::ostream& operator<<(std::ostream& out, const Account& account) {
  return out << account.acknowledged << " acknowledged; missing in log " << account.missing_in_log << ", doubled in log "
             << account.doubled_in_log << ", missing in chat_messages " << account.missing_in_chat << ", missing statuses "
             << account.missing_statuses << ", doubled statuses " << account.doubled_statuses << ", rejected "
             << account.rejected;
}

void wait_until_projected(Database& database) {
  const bool caught_up = eventually(
      [&] {
        return database.value(
                   "SELECT (SELECT sum(next_offset) FROM event_log_heads) ="
                   " (SELECT sum(next_offset) FROM projection_checkpoints WHERE projection = 'chat')") == "t";
      },
      std::chrono::minutes(2));
  if (!caught_up) throw std::runtime_error("the read models did not catch up with the log");
}

void project_everything(bench::Stack& stack, Database& database) {
  bench::Service projector = stack.projector();
  projector.start();
  wait_until_projected(database);
  projector.stop();
}

double faults_rate() {
  const char* rate = std::getenv("HERMES_FAULTS_RATE");
  return rate != nullptr ? std::stod(rate) : 5000;
}

}  // namespace hermes::test_support
