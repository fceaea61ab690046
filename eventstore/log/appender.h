// Appends events to the log. The protocol (docs/event-log.md): lock the heads of the partitions touched in ascending order,
// decide, COPY the rows, move the heads, commit. Offsets are therefore gapless and in commit order, and a reader that has seen
// offset n has seen all before n.
//
// AppendTransaction is the protocol step by step, for the command handler, which decides in the middle of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventstore/log/event_log.h"
#include "eventstore/log/hash_chain.h"
#include "eventstore/postgres/binary_copy.h"
#include "eventstore/postgres/connection.h"

namespace hermes::eventstore {

// One row to append. Its views are read during add() only.
struct NewEvent {
  const StreamKey& key;
  std::string_view stream_id;
  Version version;
  std::string_view event_type;
  std::int16_t schema_version;
  std::string_view actor_id;
  std::optional<Timestamp> occurred_at;
  std::string_view payload;
  std::optional<Timestamp> received_at{};  // nothing: no ingester took it
};

// Where a partition ends, as locked.
struct Head {
  Partition partition = 0;
  Offset next_offset = 0;
  Timestamp recorded_at;  // the time for new events: the database's clock, never earlier than the event before
  Hash last_hash{};
  std::int64_t parked = 0;
  Offset first_offset = 0;  // next_offset when it was locked
};

// A row of this transaction that the log holds if, and only if, the transaction was committed: its hash covers the time of
// recording and all rows before it.
struct Evidence {
  Position position;
  Hash hash;
};

// Memory that is kept from one transaction to the next.
class AppendBuffers {
 private:
  friend class AppendTransaction;
  std::vector<Head> heads_;
  // The rows of each head's partition, sent one partition after the other. So the primary key grows at one place per partition,
  // and the rows of a partition lie together for its readers.
  std::vector<postgres::BinaryRows> rows_;
  std::string sql_;
  // The place (ctid) at which each head was last seen. There it is found at once, however many older versions a long snapshot
  // keeps. An outdated place costs a search.
  void write_place(Partition partition, std::string& out) const;
  std::map<Partition, std::string> places_;
};

// One append transaction. Without commit(), the destructor rolls everything back. Not thread-safe. All functions throw
// postgres::StatementError when the server refuses and pqxx::broken_connection when the connection dies.
class AppendTransaction {
 public:
  // Begins, locks the heads of `partitions` and reads them. Requires: no transaction is open; `partitions` is ascending without
  // repetition, and may be empty; both references outlive the transaction.
  AppendTransaction(postgres::Connection& connection, AppendBuffers& buffers, std::span<const Partition> partitions);
  ~AppendTransaction();
  AppendTransaction(const AppendTransaction&) = delete;
  AppendTransaction& operator=(const AppendTransaction&) = delete;

  // Requires: `partition` is locked.
  const Head& head(Partition partition) const;
  std::span<const Head> heads() const { return buffers_.heads_; }

  // Adds the next row of its partition. Nothing is sent before commit().
  Position add(Partition partition, const NewEvent& event);

  // Runs another statement in the same transaction, at once. Returns how many rows it affected or found.
  std::int64_t execute(const std::string& sql);

  // Sends the rows, moves the heads, commits, and notifies the readers once.
  void commit();

  // pg_current_xact_id(): what pg_xact_status() is asked about when the outcome is unknown.
  const std::string& transaction_id() const { return transaction_id_; }
  // Whether the server may have committed, since COMMIT has been sent.
  bool commit_sent() const { return commit_sent_; }
  const std::optional<Evidence>& evidence() const { return evidence_; }

 private:
  std::size_t index_of(Partition partition) const;
  void build_commit();

  postgres::Connection& connection_;
  AppendBuffers& buffers_;
  std::string transaction_id_;
  std::optional<Evidence> evidence_;
  bool changed_ = false;
  bool appended_ = false;
  bool commit_sent_ = false;
  bool ended_ = false;
};

// After DatabaseFailure::Kind::outcome_unknown, on a new connection: whether the transaction was committed. Waits, up to 30 s,
// for a transaction that is still under way. If the transaction appended rows, its last row decides, which is right even after
// a fail-over that lost the end of the log; otherwise pg_xact_status() decides. Throws like AppendTransaction, and
// std::runtime_error if the outcome can't be known any more.
bool was_committed(postgres::Connection& connection, const std::string& transaction_id,
                   const std::optional<Evidence>& evidence);

}  // namespace hermes::eventstore
