#include "eventstore/log/appender.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>
#include <thread>

#include "eventstore/postgres/array_literal.h"
#include "eventstore/postgres/statements.h"
#include "eventstore/schema/migrations.h"
#include "eventstore/schema/payload.h"

namespace hermes::eventstore {
namespace {

using postgres::Statements;
using postgres::TextRows;

const std::string kCopyTarget = "event_log (" + std::string(kChainedColumns) + ", hash)";

// The statements of every append are planned once per connection: planning costs too much for small batches.
void prepare(postgres::Connection& connection) {
  const auto prepare = [&](const char* name, const char* sql) {
    connection.prepare(name, sql);
    connection.prepare_now(name);
  };
  // Locks one head after the other, in the order of $1, at its last known place; if a head has moved, it is searched by key. A
  // search by key goes through every version of the row that somebody's snapshot may still see: with a snapshot that is 20,000
  // batches old it took 0.9 ms of CPU (docs/lab-notebook.md). After a wait, a row is read as it then is.
  static constexpr const char* kLock =
      "SELECT known.partition, coalesce(there.next_offset, moved.next_offset), coalesce(there.last_hash, moved.last_hash), "
      "coalesce(there.parked, moved.parked), coalesce(there.recorded, moved.recorded), coalesce(there.place, moved.place) "
      "FROM unnest($1::smallint[], $2::tid[]) known (partition, place) "
      "LEFT JOIN LATERAL (SELECT next_offset, last_hash, parked, (extract(epoch FROM nullif(last_recorded_at, '-infinity')) * "
      "1000000)::bigint AS recorded, ctid AS place FROM event_log_heads head WHERE head.ctid = known.place AND "
      "head.partition = known.partition FOR UPDATE) there ON true "
      "LEFT JOIN LATERAL (SELECT next_offset, last_hash, parked, (extract(epoch FROM nullif(last_recorded_at, '-infinity')) * "
      "1000000)::bigint AS recorded, ctid AS place FROM event_log_heads head WHERE there.place IS NULL AND "
      "head.partition = known.partition FOR UPDATE) moved ON true WHERE coalesce(there.place, moved.place) IS NOT NULL";
  prepare("append_lock_heads", kLock);
  // A separate statement, so that it reads the clock after the wait.
  prepare("append_read_clock", "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, pg_current_xact_id()");
  prepare("append_move_heads",
          "UPDATE event_log_heads head SET next_offset = moved.next_offset, last_recorded_at = moved.recorded_at, "
          "last_hash = moved.hash FROM unnest($1::smallint[], $2::bigint[], $3::timestamptz[], $4::bytea[], $5::tid[]) "
          "moved (partition, next_offset, recorded_at, hash, place) WHERE head.partition = moved.partition AND head.ctid = "
          "coalesce(moved.place, (SELECT ctid FROM event_log_heads WHERE partition = moved.partition)) "
          "RETURNING head.partition, head.ctid");
}

std::string_view view(const Hash& hash) { return {reinterpret_cast<const char*>(hash.data()), hash.size()}; }

// A session that stopped in the middle of an append (a suspended process, a host that lost power) holds the heads it locked.
// The server ends it after this time; an append is never idle for longer than deciding takes.
constexpr std::string_view kBegin =
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '30s'; ";

}  // namespace

AppendTransaction::AppendTransaction(postgres::Connection& connection, AppendBuffers& buffers,
                                     std::span<const Partition> partitions)
    : connection_(connection), buffers_(buffers) {
  buffers_.heads_.clear();
  if (buffers_.rows_.size() < partitions.size()) buffers_.rows_.resize(partitions.size());
  for (postgres::BinaryRows& rows : buffers_.rows_) rows.clear();
  prepare(connection_);
  std::string& sql = buffers_.sql_;
  sql = kBegin;
  if (partitions.empty()) {
    sql += "SELECT pg_current_xact_id()";
  } else {
    const std::string list =
        postgres::array_literal(partitions, [](Partition partition, std::string& out) { out += std::to_string(partition); });
    sql += "EXECUTE append_lock_heads (" + list + ", " +
           postgres::array_literal(partitions,
                                   [&](Partition partition, std::string& out) { buffers_.write_place(partition, out); }) +
           "); EXECUTE append_read_clock";
  }

  try {
    Statements statements(connection_);
    statements.send(sql);
    statements.done();
    statements.done();
    const TextRows rows = statements.rows();
    if (partitions.empty()) {
      statements.finish();
      transaction_id_ = rows.text(0, 0);
      return;
    }
    const TextRows clock = statements.rows();
    statements.finish();
    if (rows.size() != static_cast<int>(partitions.size())) {
      throw std::runtime_error("event_log_heads lacks a partition that the log should have. Run: hermes doctor");
    }
    for (int row = 0; row < rows.size(); ++row) {
      const Offset next = rows.integer(row, 1);
      buffers_.heads_.push_back(
          {.partition = static_cast<Partition>(rows.integer(row, 0)),
           .next_offset = next,
           .recorded_at = Timestamp{std::chrono::microseconds{
               rows.is_null(row, 4) ? clock.integer(0, 0) : std::max(clock.integer(0, 0), rows.integer(row, 4))}},
           .last_hash = to_hash(rows.bytes(row, 2)),
           .parked = rows.integer(row, 3),
           .first_offset = next});
      buffers_.places_[buffers_.heads_.back().partition] = rows.text(row, 5);
    }
    transaction_id_ = clock.text(0, 1);
  } catch (...) {
    postgres::rollback(connection_);
    throw;
  }
}

void AppendBuffers::write_place(Partition partition, std::string& out) const {
  const auto place = places_.find(partition);
  if (place == places_.end()) {
    out += "NULL";
  } else {
    out.append(1, '"').append(place->second).append(1, '"');
  }
}

AppendTransaction::~AppendTransaction() {
  if (!ended_) postgres::rollback(connection_);
}

std::size_t AppendTransaction::index_of(Partition partition) const {
  auto found = std::lower_bound(buffers_.heads_.begin(), buffers_.heads_.end(), partition,
                                [](const Head& head, Partition wanted) { return head.partition < wanted; });
  if (found == buffers_.heads_.end() || found->partition != partition) {
    throw std::logic_error("an event for a partition whose head is not locked");
  }
  return static_cast<std::size_t>(found - buffers_.heads_.begin());
}

const Head& AppendTransaction::head(Partition partition) const { return buffers_.heads_[index_of(partition)]; }

Position AppendTransaction::add(Partition partition, const NewEvent& event) {
  const std::size_t index = index_of(partition);
  Head& head = buffers_.heads_[index];
  postgres::BinaryRows& rows = buffers_.rows_[index];
  rows.begin_row(kChainedColumnCount + 1);
  const std::size_t fields = rows.byte_count();
  rows.int16(partition);
  rows.int64(head.next_offset);
  rows.uuid(event.key);
  rows.text(event.stream_id);
  rows.int32(event.version);
  rows.text(event.event_type);
  rows.int16(event.schema_version);
  rows.text(event.actor_id);
  if (event.occurred_at) {
    rows.timestamp(*event.occurred_at);
  } else {
    rows.null();
  }
  rows.timestamp(head.recorded_at);
  rows.bytes(event.payload);
  if (event.received_at) rows.timestamp(*event.received_at);
  head.last_hash = chain_hash(head.last_hash, rows.written_since(fields));
  if (!event.received_at) rows.null();  // has no part in the hash
  rows.bytes(view(head.last_hash));

  const Position position{partition, head.next_offset++};
  evidence_ = Evidence{position, head.last_hash};
  changed_ = appended_ = true;
  return position;
}

std::int64_t AppendTransaction::execute(const std::string& sql) {
  Statements statements(connection_);
  statements.send(sql);
  const std::int64_t affected = statements.done();
  statements.finish();
  for (const Head& head : buffers_.heads_) buffers_.places_.erase(head.partition);  // the transaction may have changed a head
  changed_ = true;
  return affected;
}

void AppendTransaction::build_commit() {
  std::vector<const Head*> moved;
  for (const Head& head : buffers_.heads_) {
    if (head.next_offset != head.first_offset) moved.push_back(&head);
  }
  using postgres::array_literal;
  const std::string partitions =
      array_literal(moved, [](const Head* head, std::string& out) { out += std::to_string(head->partition); });
  const std::string offsets =
      array_literal(moved, [](const Head* head, std::string& out) { out += std::to_string(head->next_offset); });
  const std::string times = array_literal(
      moved, [](const Head* head, std::string& out) { out.append(1, '"').append(rfc3339(head->recorded_at)).append(1, '"'); });
  const std::string hashes = array_literal(moved, [](const Head* head, std::string& out) {
    out.append("\"\\\\x").append(postgres::hex(view(head->last_hash))).append(1, '"');
  });
  const std::string places =
      array_literal(moved, [&](const Head* head, std::string& out) { buffers_.write_place(head->partition, out); });
  buffers_.sql_ = "COPY " + kCopyTarget + " FROM STDIN (FORMAT binary); " + "EXECUTE append_move_heads (" + partitions + ", " +
                  offsets + ", " + times + ", " + hashes + ", " + places + "); COMMIT; " +
                  // After the commit, in a transaction of its own: inside it, NOTIFY would hold a lock on the whole database
                  // during the commit's fsync and so serialize the commits of all workers. If it gets lost, readers still poll.
                  "NOTIFY " + std::string(kNotificationChannel) + ", '" + partitions.substr(2, partitions.size() - 4) + "'";
}

void AppendTransaction::commit() {
  Statements statements(connection_);
  if (!changed_) {
    statements.send("ROLLBACK");
    statements.done();
    ended_ = true;
    return statements.finish();
  }
  if (!appended_) {
    commit_sent_ = true;
    statements.send("COMMIT");
    statements.done();
    ended_ = true;
    return statements.finish();
  }
  build_commit();
  statements.send(buffers_.sql_);
  try {
    statements.copy_in(buffers_.rows_);
  } catch (...) {
    commit_sent_ = statements.copy_sent();
    throw;
  }
  commit_sent_ = true;
  // The heads' new places, from the UPDATE. If the COMMIT fails they are wrong, and the next transaction searches by key.
  const TextRows places = statements.rows();
  for (int row = 0; row < places.size(); ++row) {
    buffers_.places_[static_cast<Partition>(places.integer(row, 0))] = places.text(row, 1);
  }
  statements.done();  // COMMIT
  ended_ = true;
  try {
    statements.done();  // NOTIFY
    statements.finish();
  } catch (const pqxx::failure&) {
    // The events are committed. Readers that are not notified find them when they poll, and the next use of a dead connection
    // reports it.
  }
}

bool was_committed(postgres::Connection& connection, const std::string& transaction_id,
                   const std::optional<Evidence>& evidence) {
  // The old session may still be at work: its COMMIT was sent before its connection died.
  constexpr std::chrono::seconds kWaitAtMost{30};
  constexpr std::chrono::milliseconds kPause{20};
  const auto deadline = std::chrono::steady_clock::now() + kWaitAtMost;
  std::string status;
  for (;;) {
    Statements statements(connection);
    // After a fail-over that lost the end of the log the id may lie in the future, which pg_xact_status() takes as an error. A
    // new id of our own is past all ids given out so far. A snapshot's xmax is only past those that are completed, and our
    // transaction may be the newest and still running.
    statements.send("SELECT CASE WHEN '" + transaction_id + "'::xid8 < pg_current_xact_id() THEN pg_xact_status('" +
                    transaction_id + "'::xid8) ELSE 'aborted' END");
    const TextRows rows = statements.rows();
    statements.finish();
    status = rows.text(0, 0);
    if (status != "in progress") break;
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("transaction " + transaction_id + " is still in progress");
    }
    std::this_thread::sleep_for(kPause);
  }
  if (evidence) {
    Statements statements(connection);
    statements.send("SELECT FROM event_log WHERE partition = " + std::to_string(evidence->position.partition) +
                    " AND \"offset\" = " + std::to_string(evidence->position.offset) +
                    " AND hash = " + postgres::bytes_literal(view(evidence->hash)));
    const TextRows rows = statements.rows();
    statements.finish();
    return rows.size() == 1;
  }
  if (status.empty()) {
    throw std::runtime_error("PostgreSQL no longer knows what became of transaction " + transaction_id);
  }
  return status == "committed";
}

}  // namespace hermes::eventstore
