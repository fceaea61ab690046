// history: a page of 50 messages from the query service, out of a table of millions.
//
// A conversation is an index range, so a page should cost the same whatever the table holds: the ceiling is the same service on
// a table that is almost empty. The tables are filled by SQL, with what the log of so many messages would have made of them;
// the rebuild of ten million messages would take longer than all the rest.
#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/benchmarks/benchmarks.h"
#include "bench/benchmarks/migrated_database.h"
#include "bench/load/load_process.h"
#include "projections/read_models/projection.h"
#include "projections/rebuild/parallel_fold.h"
#include "projections/rebuild/rebuild_steps.h"
#include "projections/rebuild/table_copy.h"
#include "tests/servers/free_port.h"

namespace hermes::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kDefaultMessages = 1'000'000;
constexpr std::uint64_t kFewMessages = 10'000;
constexpr std::uint64_t kUsers = 1'000;
constexpr std::uint64_t kPairsMax = 10'000;
constexpr std::uint64_t kMessagesAPair = 100;  // at least, so that there are whole pages to ask for
constexpr int kPage = 50;
constexpr int kPages = 3'000;
constexpr int kWarmUpPages = 300;
constexpr std::int64_t kFirstMessage_s = 1'767'225'600;  // 2026-01-01; a message a second from there
constexpr std::chrono::minutes kLimit{1};

std::uint64_t pairs_of(std::uint64_t messages) { return std::clamp<std::uint64_t>(messages / kMessagesAPair, 1, kPairsMax); }

// Pair p is of users p % kUsers and the one p / kUsers + 1 further on: each pair once.
std::pair<std::uint64_t, std::uint64_t> users_of(std::uint64_t pair) {
  return {pair % kUsers, (pair % kUsers + 1 + pair / kUsers) % kUsers};
}

// The rows of message n, for both tables: who wrote to whom at random, so that a conversation is scattered over the whole
// table.
std::string messages_sql(std::uint64_t messages) {
  const std::string users = std::to_string(kUsers);
  return "(SELECT md5('m' || n)::uuid::text AS message_id, n, to_timestamp(" + std::to_string(kFirstMessage_s) +
         " + n) AS at,"
         "  'user-' || CASE WHEN forth THEN one ELSE other END AS sender,"
         "  CASE WHEN n % 1000 = 0 THEN 'all' ELSE 'user-' || CASE WHEN forth THEN other ELSE one END END AS receiver "
         "FROM generate_series(1, " +
         std::to_string(messages) + ") n, LATERAL (SELECT hashint8(n) & 2147483647 AS hash) h, LATERAL (SELECT hash % " +
         std::to_string(pairs_of(messages)) + " AS pair, hash & 65536 = 0 AS forth) p, LATERAL (SELECT pair % " + users +
         " AS one, (pair % " + users + " + 1 + pair / " + users + ") % " + users + " AS other) u) m";
}

std::string inbox_sql(std::uint64_t messages) {
  const std::string users = std::to_string(kUsers);
  return "INSERT INTO inbox (user_id, peer_id, unread_count, last_message_id, last_sender_id, last_content, last_message_at, "
         "last_activity_at, last_partition, last_offset) "
         "SELECT 'user-' || one, 'user-' || other, 0, 'm', 'user-0', 'c', now(), now(), 0, 0 FROM (SELECT p % " +
         users + " AS a, (p % " + users + " + 1 + p / " + users + ") % " + users + " AS b FROM generate_series(0, " +
         std::to_string(pairs_of(messages) - 1) + ") p) pair, LATERAL (VALUES (a, b), (b, a)) both_ways (one, other)";
}

// As a rebuild does it: bare copies of the tables, filled, then given their indexes and keys.
void fill(const MigratedDatabase& database, std::uint64_t messages) {
  std::fprintf(stderr, "filling the tables with %llu messages\n", static_cast<unsigned long long>(messages));
  const std::string schema = "bench_filled";
  const postgres::ConnectionPtr connection = projections::connect_builder(database.settings(), schema);
  projections::make_schema(*connection, schema);
  pqxx::work work(*connection);
  const std::vector<projections::LiveTable> tables =
      projections::find_tables(work, projections::find_projection("chat")->tables());
  const projections::CopyStatements copy = projections::copy_statements(work, tables, schema);
  for (const std::string& statement : copy.create) work.exec(statement);
  const std::string source = messages_sql(messages);
  work.exec(
      "INSERT INTO " + schema +
      ".chat_messages (id, message_id, sender_id, sender_name, receiver_id, content, message_type, created_at, updated_at) "
      "SELECT md5('i' || n)::uuid, message_id, sender, 'User ' || sender, receiver, repeat('c', 80), 'text', at, at FROM " +
      source);
  work.exec("INSERT INTO " + schema +
            ".message_status (id, message_id, status, \"timestamp\", user_id) "
            "SELECT n * 4 + step, message_id, (ARRAY['sent', 'received_by_server', 'delivered', 'read'])[step + 1],"
            "  at + step * interval '300 ms',"
            "  CASE step WHEN 0 THEN sender WHEN 1 THEN 'server' ELSE receiver END FROM " +
            source + ", generate_series(0, 3) step");
  for (const std::string& statement : copy.in_line()) work.exec(statement);
  work.exec("DROP TABLE public.chat_messages, public.message_status, public.broadcast_receipts CASCADE");
  for (const projections::LiveTable& table : tables)
    work.exec("ALTER TABLE " + schema + "." + table.name + " SET SCHEMA public");
  work.exec(inbox_sql(messages));
  work.commit();
  // Autovacuum would come by while pages are measured.
  for (const projections::LiveTable& table : tables) pqxx::nontransaction(*connection).exec("VACUUM (ANALYZE) " + table.name);
  pqxx::nontransaction(*connection).exec("ANALYZE inbox");
}

// `hermes serve` on a database.
class QueryService {
 public:
  explicit QueryService(const MigratedDatabase& database)
      : port_(private_servers::free_port()),
        process_(private_servers::Process::start({hermes_of_this_bench(), "serve", "--port", std::to_string(port_)},
                                                 {.environment = database.environment()})),
        client_("127.0.0.1", port_) {
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_read_timeout(kLimit);
    const Clock::time_point deadline = Clock::now() + kLimit;
    while (!private_servers::accepts_connections(port_)) {
      if (!process_.running() || Clock::now() > deadline) throw std::runtime_error("the query service does not start");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  ~QueryService() { process_.stop(); }

  // How long the answer took, in milliseconds, and how many messages it held.
  std::pair<double, std::size_t> page(const std::string& query) {
    const Clock::time_point asked = Clock::now();
    const httplib::Result answer = client_.Get("/v1/messages?limit=" + std::to_string(kPage) + query);
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - asked).count();
    if (!answer || answer->status != 200)
      throw std::runtime_error("the query service answers: " + (answer ? answer->body : httplib::to_string(answer.error())));
    std::size_t messages = 0;
    for (std::size_t at = 0; (at = answer->body.find("\"message_id\":", at)) != std::string::npos; ++at) ++messages;
    return {ms, messages};
  }

 private:
  std::uint16_t port_;
  private_servers::Process process_;
  httplib::Client client_;
};

struct Scans {
  std::int64_t sequential;
  std::int64_t of_conversations;
};

// Of the tables that pages are made from, so far. The server counts a session's scans at the latest when it ends.
Scans scans(const MigratedDatabase& database) {
  const postgres::ConnectionPtr connection = database.connect();
  const Clock::time_point deadline = Clock::now() + kLimit;
  pqxx::nontransaction query(*connection);
  while (query.exec1("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hermes serve'")[0].as<int>() > 0) {
    if (Clock::now() > deadline) throw std::runtime_error("the query service's sessions do not end");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const pqxx::row row = query.exec1(
      "SELECT (SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname IN ('chat_messages', 'message_status')),"
      "  (SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname = 'chat_messages_between')");
  return {row[0].as<std::int64_t>(), row[1].as<std::int64_t>()};
}

// Random pages of random conversations: each begins somewhere in the conversation and is whole.
Measurement pages(const MigratedDatabase& database, std::uint64_t messages) {
  static std::mt19937_64 random(1);
  const std::uint64_t pairs = pairs_of(messages);
  // So many of the pair's messages lie before the page's key that it is full, but for bad luck.
  const std::uint64_t earliest = std::min(messages, pairs * (kPage + kPage / 2));
  const auto before = [&] {
    const std::uint64_t second = std::uniform_int_distribution<std::uint64_t>(earliest, messages)(random);
    return "&before=" + std::to_string((kFirstMessage_s + static_cast<std::int64_t>(second)) * 1'000'000) +
           ".ffffffff-ffff-ffff-ffff-ffffffffffff";
  };
  const auto pair = [&] { return users_of(std::uniform_int_distribution<std::uint64_t>(0, pairs - 1)(random)); };
  const auto conversation = [&] {
    const auto [one, other] = pair();
    return "&user=user-" + std::to_string(one) + "&with=user-" + std::to_string(other) + before();
  };
  const auto everything = [&] { return "&user=user-" + std::to_string(pair().first) + before(); };

  const Scans scans_before = scans(database);
  std::vector<double> ms, everything_ms;
  std::size_t shown = 0;
  double seconds = 0;
  {
    QueryService service(database);
    for (int i = 0; i < kWarmUpPages; ++i) service.page(conversation());
    const Clock::time_point began = Clock::now();
    for (int i = 0; i < kPages; ++i) {
      const auto [took, count] = service.page(conversation());
      ms.push_back(took);
      shown += count;
    }
    seconds = std::chrono::duration<double>(Clock::now() - began).count();
    for (int i = 0; i < kPages / 3; ++i) everything_ms.push_back(service.page(everything()).first);
  }
  const Scans scans_after = scans(database);
  return {.per_s = kPages / seconds,
          .details = {{"page_ms_p50", percentile(ms, 0.5)},
                      {"page_ms_p99", percentile(ms, 0.99)},
                      {"page_ms_max", percentile(ms, 1)},
                      {"messages_a_page", static_cast<double>(shown) / kPages},
                      {"all_peers_page_ms_p50", percentile(everything_ms, 0.5)},
                      {"all_peers_page_ms_p99", percentile(everything_ms, 0.99)},
                      {"index_scans_of_conversations",
                       static_cast<double>(scans_after.of_conversations - scans_before.of_conversations)},
                      {"sequential_scans", static_cast<double>(scans_after.sequential - scans_before.sequential)}}};
}

}  // namespace

BenchResult history(const Options& options) {
  const std::uint64_t messages = std::max(options.count.value_or(kDefaultMessages), kMessagesAPair);
  // Without WAL for what is filled in the transaction that made it; there is nothing to recover.
  const std::vector<std::string> settings = {"wal_level=minimal", "max_wal_senders=0"};
  const MigratedDatabase few(settings);
  fill(few, kFewMessages);
  const MigratedDatabase many(settings);
  const Clock::time_point began = Clock::now();
  fill(many, messages);
  const double fill_s = std::chrono::duration<double>(Clock::now() - began).count();
  const postgres::ConnectionPtr connection = many.connect();
  const auto bytes = pqxx::nontransaction(*connection)
                         .exec1("SELECT pg_total_relation_size('chat_messages') + pg_total_relation_size('message_status')")[0]
                         .as<std::int64_t>();

  BenchResult result{
      .name = "history",
      .unit = "pages",
      .ours_is = "pages of 50 of a conversation over HTTP, one after another; " + std::to_string(messages) + " messages stored",
      .ceiling_is = "the same with " + std::to_string(kFewMessages) + " messages stored"};
  result.pairs = run_pairs([&] { return pages(few, kFewMessages); }, [&] { return pages(many, messages); }, options.pairs);
  result.more = {{"messages", messages},
                 {"conversations", pairs_of(messages)},
                 {"tables_and_indexes_bytes", bytes},
                 {"fill_s", fill_s},
                 {"targets", "page_ms_p99 below 5 ms with 10,000,000 messages; no sequential scans"}};
  return result;
}

}  // namespace hermes::bench
