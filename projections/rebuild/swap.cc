#include "projections/rebuild/swap.h"

#include <stdexcept>
#include <thread>

#include "eventstore/postgres/array_literal.h"
#include "projections/projector/leases.h"
#include "projections/rebuild/dependents.h"
#include "projections/rebuild/table_settings.h"

namespace hermes::projections {
namespace {

using eventstore::Offset;
using eventstore::PartitionRange;

// Within one transaction, while the projectors of this projection wait for its checkpoints.
constexpr int kLockTries = 5;
// Longer than deadlock_timeout (1 s), after which autovacuum gives way.
constexpr std::chrono::milliseconds kVacuumWait{3'000};
// Those who queued behind the last try get their turn.
constexpr std::chrono::milliseconds kBetweenTries{20};

// Locks the checkpoints, so that no projector writes, and folds what the live tables have and the copies lack. A checkpoint
// that is ahead of the log, as after a restore of the log alone, stands for events that are not there: it counts up to the
// log's end.
std::vector<PartitionRange> lock_checkpoints(const SwapRequest& request, pqxx::work& transaction) {
  std::vector<PartitionRange> missing;
  for (const auto& row : transaction.exec_params(
           "SELECT partition, least(c.next_offset, h.next_offset) FROM projection_checkpoints c JOIN event_log_heads h "
           "USING (partition) WHERE projection = $1 ORDER BY partition FOR UPDATE OF c",
           std::string(request.projection.name()))) {
    const auto partition = row[0].as<eventstore::Partition>();
    const auto live = row[1].as<Offset>();
    const Offset folded = request.folded.at(static_cast<std::size_t>(partition));
    if (live > folded) missing.push_back({partition, folded, live});
  }
  return missing;
}

std::string names_of(const std::vector<LiveTable>& tables, postgres::Connection& connection) {
  std::string names;
  for (const LiveTable& table : tables) {
    names += (names.empty() ? "" : ", ") + connection.quote_name(table.schema) + "." + connection.quote_name(table.name);
  }
  return names;
}

bool is_lock_timeout(const pqxx::sql_error& error) { return error.sqlstate() == "55P03"; }  // lock_not_available

// Keeps autovacuum away from the live tables and from the copies, which it comes to as soon as they are loaded. It would be in
// the way of the real lock for as long as it works on a large table: it gives way to whoever waits for it, but not so soon.
// Readers and writers are not disturbed. False if somebody else's VACUUM does not end.
bool send_autovacuum_away(const SwapRequest& request, postgres::Connection& connection, pqxx::work& transaction) {
  std::vector<LiveTable> tables = request.live;
  for (const LiveTable& table : request.live) tables.push_back({"", request.schema, table.name});
  transaction.exec("SET LOCAL lock_timeout = " + std::to_string(kVacuumWait.count()));
  try {
    transaction.exec("LOCK TABLE " + names_of(tables, connection) + " IN SHARE UPDATE EXCLUSIVE MODE");
  } catch (const pqxx::sql_error& error) {
    if (!is_lock_timeout(error)) throw;
    return false;
  }
  return true;
}

// The views first, as those do who read through them: they would hold the view and wait for the table, while the swap holds the
// table and waits for the view. LOCK TABLE on a view would lock everything below it; a change of owner that changes nothing
// locks it alone.
bool lock_views_and_tables(const std::vector<DependentView>& views, const std::vector<LiveTable>& tables,
                           postgres::Connection& connection, pqxx::work& transaction,
                           std::chrono::steady_clock::time_point& asked_at) {
  std::string locks;
  for (const DependentView& view : views) locks += "ALTER VIEW " + view.name + " OWNER TO " + view.owner + ";";
  locks += "LOCK TABLE " + names_of(tables, connection) + " IN ACCESS EXCLUSIVE MODE";
  transaction.exec("SET LOCAL lock_timeout = " + std::to_string(kLockWait.count()));
  for (int attempt = 0; attempt < kLockTries; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kBetweenTries);
    asked_at = std::chrono::steady_clock::now();
    try {
      pqxx::subtransaction locking(transaction, "lock_tables");
      locking.exec(locks);
      locking.commit();
      return true;
    } catch (const pqxx::sql_error& error) {
      if (!is_lock_timeout(error)) throw;
    }
  }
  return false;
}

// What hangs on the tables now. Sets the search_path so that views are told with qualified names: all that is named after this
// is.
Dependents dependents_now(const SwapRequest& request, pqxx::work& transaction) {
  transaction.exec("SET LOCAL search_path = pg_catalog");
  Dependents dependents = find_dependents(transaction, request.live);
  if (!dependents.in_the_way.empty())
    throw std::runtime_error("something new hangs on the tables: " + dependents.in_the_way.front());
  return dependents;
}

// False if somebody uses a view that was made since the locks were taken.
bool exchange(const SwapRequest& request, postgres::Connection& connection, pqxx::work& transaction) {
  const Dependents dependents = dependents_now(request, transaction);
  std::string sql;
  for (const LiveTable& table : request.live) {
    const std::string name = connection.quote_name(table.name);
    sql += "ALTER TABLE " + connection.quote_name(table.schema) + "." + name + " SET SCHEMA " +
           connection.quote_name(request.old_schema) + ";";
    sql += "ALTER TABLE " + connection.quote_name(request.schema) + "." + name + " SET SCHEMA " +
           connection.quote_name(table.schema) + ";";
  }
  postgres::ArrayLiteral oids;
  for (const LiveTable& table : request.live) oids.add(table.oid);
  for (const std::string& move : exchange_of_statistics(transaction, oids.str(), request.schema, request.old_schema))
    sql += move + ";";
  for (const DependentView& view : dependents.views) sql += view.statement + ";";
  try {
    transaction.exec(sql);
  } catch (const pqxx::sql_error& error) {
    if (!is_lock_timeout(error)) throw;
    return false;
  }
  return true;
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
  transaction.exec_params(
      "DELETE FROM projection_stuck stuck USING projection_checkpoints checkpoint WHERE stuck.projection = $1 "
      "AND checkpoint.projection = $1 AND checkpoint.partition = stuck.partition AND next_offset > \"offset\"",
      name);
  transaction.exec_params("SELECT pg_notify($1, $2)", std::string(kProjectorsChannel), name);
}

// An index, a grant or a comment that came while the copies were made would be lost.
void require_alike(const SwapRequest& request, pqxx::work& transaction) {
  std::vector<LiveTable> copies;
  for (const LiveTable& table : request.live) {
    const pqxx::row oid =
        transaction.exec_params1("SELECT to_regclass(format('%I.%I', $1::text, $2::text))::oid", request.schema, table.name);
    copies.push_back({oid[0].as<std::string>(), request.schema, table.name});
  }
  if (describe(transaction, copies) != describe(transaction, request.live)) {
    throw std::runtime_error("the tables of " + std::string(request.projection.name()) +
                             " were changed (an index, a grant, a comment, a column, a setting) during the rebuild, which did "
                             "not take effect. Run it again");
  }
}

// An event that somebody skipped since the copies were begun is in them, and would not be in what a projector makes. Called
// when the partitions are not stuck any more: from then on nobody can skip what lies before `folded`.
void require_the_same_skips(const SwapRequest& request, const std::vector<Offset>& folded, pqxx::work& transaction) {
  const auto before_the_ends = [&](const Skips& skips) {
    Skips before;
    for (const eventstore::Position& position : skips) {
      if (position.offset < folded.at(static_cast<std::size_t>(position.partition))) before.insert(position);
    }
    return before;
  };
  if (before_the_ends(read_skips(transaction, request.projection)) == before_the_ends(request.skips)) return;
  throw std::runtime_error("an event was skipped for " + std::string(request.projection.name()) +
                           " during the rebuild, which did not take effect. Run it again");
}

}  // namespace

Swapped swap_tables(const SwapRequest& request, postgres::Connection& connection) {
  Swapped swapped;
  pqxx::work transaction(connection);
  // Readers wait until it has ended, so it does not wait for the disk. Should the server crash now, the old tables are back:
  // they are dropped by a later transaction, which is on disk only after this one.
  transaction.exec("SET LOCAL synchronous_commit = off");
  if (!send_autovacuum_away(request, connection, transaction)) return swapped;
  const std::vector<PartitionRange> missing = lock_checkpoints(request, transaction);
  std::atomic<std::uint64_t> events{0};
  fold_here({request.projection, missing, request.skips, request.partition_count}, connection, transaction, events);
  std::vector<Offset> folded = request.folded;
  for (const PartitionRange& range : missing) folded.at(static_cast<std::size_t>(range.partition)) = range.to;
  move_checkpoints(request.projection, folded, transaction);
  require_the_same_skips(request, folded, transaction);
  require_alike(request, transaction);

  std::chrono::steady_clock::time_point asked_at;
  const std::vector<DependentView> views = dependents_now(request, transaction).views;
  if (!lock_views_and_tables(views, request.live, connection, transaction, asked_at)) return swapped;
  if (!exchange(request, connection, transaction)) return swapped;
  transaction.commit();
  swapped.done = true;
  swapped.events = events;
  swapped.readers_blocked = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - asked_at);
  return swapped;
}

}  // namespace hermes::projections
