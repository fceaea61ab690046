#include "projections/swap.h"

#include <stdexcept>
#include <thread>

#include "projections/leases.h"

namespace hermes::projections {
namespace {

using eventstore::Offset;
using eventstore::PartitionRange;

// Within one transaction, while the projectors of this projection wait for its checkpoints.
constexpr int kLockTries = 5;
// Those who queued behind the last try get their turn.
constexpr std::chrono::milliseconds kBetweenTries{20};

// Locks the checkpoints, so that no projector writes, and folds what the live tables have and the copies lack.
std::vector<PartitionRange> lock_checkpoints(const SwapRequest& request, pqxx::work& transaction) {
  std::vector<PartitionRange> missing;
  for (const auto& row : transaction.exec_params(
           "SELECT partition, next_offset FROM projection_checkpoints WHERE projection = $1 ORDER BY partition FOR UPDATE",
           std::string(request.projection.name()))) {
    const auto partition = row[0].as<eventstore::Partition>();
    const auto live = row[1].as<Offset>();
    const Offset folded = request.folded.at(static_cast<std::size_t>(partition));
    if (live > folded) missing.push_back({partition, folded, live});
  }
  return missing;
}

bool lock_tables(const std::vector<LiveTable>& tables, postgres::Connection& connection, pqxx::work& transaction,
                 std::chrono::steady_clock::time_point& asked_at) {
  std::string names;
  for (const LiveTable& table : tables) {
    names += (names.empty() ? "" : ", ") + connection.quote_name(table.schema) + "." + connection.quote_name(table.name);
  }
  transaction.exec("SET LOCAL lock_timeout = " + std::to_string(kLockWait.count()));
  for (int attempt = 0; attempt < kLockTries; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kBetweenTries);
    asked_at = std::chrono::steady_clock::now();
    try {
      pqxx::subtransaction locking(transaction, "lock_tables");
      locking.exec("LOCK TABLE " + names + " IN ACCESS EXCLUSIVE MODE");
      locking.commit();
      return true;
    } catch (const pqxx::sql_error& error) {
      if (error.sqlstate() != "55P03") throw;  // lock_not_available
    }
  }
  return false;
}

void exchange(const SwapRequest& request, postgres::Connection& connection, pqxx::work& transaction) {
  // All that is named below is qualified.
  transaction.exec("SET LOCAL search_path = pg_catalog");
  const Dependents dependents = find_dependents(transaction, request.live);
  if (!dependents.in_the_way.empty()) throw std::runtime_error("something new hangs on the tables: " + dependents.in_the_way.front());
  std::string sql;
  for (const LiveTable& table : request.live) {
    const std::string name = connection.quote_name(table.name);
    sql += "ALTER TABLE " + connection.quote_name(table.schema) + "." + name + " SET SCHEMA " + connection.quote_name(request.old_schema) + ";";
    sql += "ALTER TABLE " + connection.quote_name(request.schema) + "." + name + " SET SCHEMA " + connection.quote_name(table.schema) + ";";
  }
  for (const DependentView& view : dependents.views) sql += view.statement + ";";
  transaction.exec(sql);
}

void move_checkpoints(const Projection& projection, const std::vector<Offset>& folded, pqxx::work& transaction) {
  const std::string name(projection.name());
  for (std::size_t partition = 0; partition < folded.size(); ++partition) {
    transaction.exec_params(
        "INSERT INTO projection_checkpoints AS checkpoint (projection, partition, next_offset) VALUES ($1, $2, $3) "
        "ON CONFLICT (projection, partition) DO UPDATE SET next_offset = excluded.next_offset, updated_at = clock_timestamp() "
        "WHERE checkpoint.next_offset <> excluded.next_offset",
        name, partition, folded[partition]);
  }
  transaction.exec_params("DELETE FROM projection_stuck stuck USING projection_checkpoints checkpoint WHERE stuck.projection = $1 "
                          "AND checkpoint.projection = $1 AND checkpoint.partition = stuck.partition AND next_offset > \"offset\"",
                          name);
  transaction.exec_params("SELECT pg_notify($1, $2)", std::string(kProjectorsChannel), name);
}

// An index, a grant or a comment that came while the copies were made would be lost.
void require_alike(const SwapRequest& request, pqxx::work& transaction) {
  std::vector<LiveTable> copies;
  for (const LiveTable& table : request.live) {
    const pqxx::row oid = transaction.exec_params1("SELECT to_regclass(format('%I.%I', $1::text, $2::text))::oid", request.schema, table.name);
    copies.push_back({oid[0].as<std::string>(), request.schema, table.name});
  }
  if (describe(transaction, copies) != describe(transaction, request.live)) {
    throw std::runtime_error("the tables of " + std::string(request.projection.name()) +
                             " were changed (an index, a grant, a comment, a column) during the rebuild, which did not take effect. Run it again");
  }
}

}  // namespace

Swapped swap_tables(const SwapRequest& request, postgres::Connection& connection) {
  Swapped swapped;
  pqxx::work transaction(connection);
  transaction.exec("SET LOCAL synchronous_commit = on");
  const std::vector<PartitionRange> missing = lock_checkpoints(request, transaction);
  std::atomic<std::uint64_t> events{0};
  fold_here({request.projection, missing, request.skips, request.partition_count}, connection, transaction, events);
  std::vector<Offset> folded = request.folded;
  for (const PartitionRange& range : missing) folded.at(static_cast<std::size_t>(range.partition)) = range.to;
  move_checkpoints(request.projection, folded, transaction);
  require_alike(request, transaction);

  std::chrono::steady_clock::time_point asked_at;
  if (!lock_tables(request.live, connection, transaction, asked_at)) return swapped;
  exchange(request, connection, transaction);
  transaction.commit();
  swapped.done = true;
  swapped.events = events;
  swapped.readers_blocked =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - asked_at);
  return swapped;
}

}  // namespace hermes::projections
