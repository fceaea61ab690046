#include "projections/rebuild/rebuild_steps.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "projections/rebuild/parallel_fold.h"
#include "projections/rebuild/parallel_statements.h"

namespace hermes::projections {

using eventstore::PartitionRange;

namespace {

constexpr std::chrono::milliseconds kProgressInterval{100};

int partition_count(postgres::Connection& connection) {
  pqxx::nontransaction query(connection);
  return query.exec1("SELECT partition_count FROM event_log_settings")[0].as<int>();
}

void execute(const std::vector<std::string>& statements, pqxx::work& transaction) {
  for (const std::string& statement : statements) transaction.exec(statement);
}

void finish(const Projection& projection, const std::vector<std::string>& statements, postgres::Connection& connection) {
  pqxx::work transaction(connection);
  if (projection.loads_bare_tables() && !projection.complete_bare_tables().empty())
    transaction.exec(std::string(projection.complete_bare_tables()));
  execute(statements, transaction);
  // The swap's commit would have to wait for all that was written so far: wait now, while nobody waits for us.
  transaction.exec("SET LOCAL synchronous_commit = on");
  transaction.commit();
}

// Readers should find a plan that fits from the first query on, and the check of the foreign keys is the first. A table's
// statistics and its indexes lock one another out: so a table with a foreign key begins with its statistics, while what the key
// points to is made, and the others' are gathered while its first index is made.
struct IndexSteps {
  explicit IndexSteps(const CopyStatements& statements)
      : before_foreign_keys{.first = {statements.statistics.front()}},
        after{.first = statements.referencing_indexes, .after_first = statements.checks, .any_time = statements.other_indexes} {
    std::ranges::copy(statements.referenced_indexes, std::back_inserter(before_foreign_keys.first));
    const auto second = after.first.begin() + (after.first.empty() ? 0 : 1);
    after.first.insert(second, statements.statistics.begin() + 1, statements.statistics.end());
  }

  ParallelStatements before_foreign_keys;
  ParallelStatements after;
};

}  // namespace

BuildLock::BuildLock(const postgres::Settings& settings, const std::string& name)
    : connection_(connect_builder(settings, "")), held_(false) {
  pqxx::nontransaction query(*connection_);
  held_ = query.exec_params("SELECT pg_try_advisory_lock(hashtextextended('hermes rebuild ' || $1, 0))", name)[0][0].as<bool>();
  if (held_) return;
  const pqxx::result other = query.exec_params(
      "SELECT pid, to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM pg_locks JOIN "
      "pg_stat_activity "
      "USING (pid) WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE "
      "datname = current_database()) AND (classid::bigint << 32 | objid::bigint) = hashtextextended('hermes rebuild ' || $1, "
      "0)",
      name);
  if (other.empty()) return;  // it has just ended
  const std::string pid = other[0][0].as<std::string>();
  holder_ = ", since " + other[0][1].as<std::string>("an unknown time") + " (session " + pid + " of the database)";
}

bool schema_exists(postgres::Connection& connection, const std::string& schema) {
  pqxx::nontransaction query(connection);
  return !query.exec_params("SELECT FROM pg_namespace WHERE nspname = $1", schema).empty();
}

void drop_schema(postgres::Connection& connection, const std::string& schema) {
  if (!schema_exists(connection, schema)) return;
  pqxx::nontransaction query(connection);
  query.exec_params(
      "SELECT pg_terminate_backend(pid) FROM (SELECT DISTINCT pid FROM pg_locks JOIN pg_class ON pg_class.oid = relation "
      "WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND pid <> pg_backend_pid() "
      "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS holder "
      "JOIN pg_stat_activity USING (pid) WHERE application_name = 'hermes rebuild'",
      schema);
  query.exec("DROP SCHEMA " + connection.quote_name(schema) + " CASCADE");
}

void make_schema(postgres::Connection& connection, const std::string& schema) {
  drop_schema(connection, schema);
  pqxx::nontransaction query(connection);
  // One statement, one transaction: a schema without the comment is not ours to drop.
  query.exec("CREATE SCHEMA " + connection.quote_name(schema) + "; COMMENT ON SCHEMA " + connection.quote_name(schema) +
             " IS " + query.quote(std::string(kUnfinished)));
}

OnProgress of_projection(const OnProgress& on_progress, const Projection& projection) {
  return [&on_progress, name = projection.name()](Progress progress) {
    progress.of = name;
    on_progress(progress);
  };
}

ProgressTicker::ProgressTicker(const OnProgress& on_progress, Phase phase, std::uint64_t total)
    : on_progress_(on_progress), phase_(phase), total_(total), thread_([this] {
        std::unique_lock lock(mutex_);
        while (!over_) {
          on_progress_(progress_of(phase_, done_, total_));
          changed_.wait_for(lock, kProgressInterval);
        }
      }) {}

ProgressTicker::~ProgressTicker() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
  on_progress_(progress_of(phase_, done_, total_));
}

std::uint64_t event_count(const std::vector<PartitionRange>& ranges) {
  std::uint64_t count = 0;
  for (const PartitionRange& range : ranges) count += static_cast<std::uint64_t>(range.to - range.from);
  return count;
}

std::chrono::milliseconds since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

Built build_tables(const Projection& projection, const std::string& schema, const std::vector<PartitionRange>& ranges,
                   const RebuildSettings& settings, const OnProgress& on_progress) {
  Built built;
  postgres::ConnectionPtr first = connect_builder(settings.postgres, "");
  CopyStatements statements;
  FoldRequest request{projection, ranges, {}, partition_count(*first), projection.loads_bare_tables()};
  {
    pqxx::work transaction(*first);
    built.live = find_tables(transaction, projection.tables());
    statements = copy_statements(transaction, built.live, schema);
    request.skips = built.skips = read_skips(transaction, projection);
    execute(statements.create, transaction);
    if (!request.bare) {
      for (auto* indexes : {&statements.referenced_indexes, &statements.referencing_indexes, &statements.other_indexes})
        execute(std::exchange(*indexes, {}), transaction);
    }
    transaction.commit();
  }

  auto start = std::chrono::steady_clock::now();
  {
    auto connections = connect_builders(settings.postgres, schema, settings.load_connections);
    ProgressTicker ticker(on_progress, Phase::load, event_count(ranges));
    fold_in_parallel(request, connections, ticker.done());
  }
  built.load = since(start);

  start = std::chrono::steady_clock::now();
  auto connections = connect_builders(settings.postgres, schema, settings.index_connections);
  const IndexSteps steps(statements);
  ProgressTicker ticker(on_progress, Phase::index, steps.before_foreign_keys.size() + steps.after.size() + 1);
  run_in_parallel(steps.before_foreign_keys, connections, ticker.done());
  {
    pqxx::work transaction(*connections.front());
    execute(statements.foreign_keys, transaction);
    transaction.commit();
  }
  run_in_parallel(steps.after, connections, ticker.done());
  finish(projection, statements.finish, *connections.front());
  ++ticker.done();
  built.index = since(start);
  return built;
}

}  // namespace hermes::projections
