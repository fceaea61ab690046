// COPY in PostgreSQL's binary format (manual, COPY, "Binary Format"), inside the caller's open transaction.
//
// BinaryRows only builds bytes, so a caller may fill it before it holds any lock, and may hash the bytes (these fields are the
// canonical bytes of the log's hash chain, docs/event-log.md). copy_in sends them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/timestamp.h"
#include "eventstore/postgres/connection.h"

namespace hermes::postgres {

// Microseconds since 2000-01-01: the binary form of timestamptz.
std::int64_t to_postgres_microseconds(Timestamp time);
Timestamp from_postgres_microseconds(std::int64_t microseconds);

using Uuid = std::array<std::byte, 16>;

class Statements;

// Rows in COPY's binary format. Reused from batch to batch: clear() keeps the memory.
class BinaryRows {
 public:
  BinaryRows();
  void clear();

  void begin_row(std::int16_t field_count);
  void null();
  void int16(std::int16_t value);
  void int32(std::int32_t value);
  void int64(std::int64_t value);
  void boolean(bool value);
  void text(std::string_view value);   // text, varchar
  void bytes(std::string_view value);  // bytea
  void uuid(const Uuid& value);
  void timestamp(Timestamp value);

  std::size_t row_count() const { return row_count_; }
  std::size_t byte_count() const { return buffer_.size(); }
  // The bytes written since `from`, a former byte_count(). Valid until the next call that writes.
  std::string_view written_since(std::size_t from) const { return std::string_view(buffer_).substr(from); }

 private:
  friend class Statements;
  std::string buffer_;
  std::size_t row_count_ = 0;
};

// Runs `COPY {target} FROM STDIN (FORMAT binary)`; target is a table with its column list: "event_log (partition, ...)".
// Requires: a transaction is open on `connection`. Throws pqxx::sql_error (with its SQLSTATE) when the server refuses,
// pqxx::broken_connection when the connection dies.
void copy_in(Connection& connection, std::string_view target, const BinaryRows& rows);

// Reads the fields of one row of COPY ... TO STDOUT (FORMAT binary), in order. Every accessor checks the field's length and
// throws std::runtime_error for one that does not fit.
class BinaryRow {
 public:
  explicit BinaryRow(std::string_view fields) : rest_(fields) {}
  std::optional<std::string_view> field();  // the raw bytes, nothing for NULL
  // The fields that have not been read yet, each as int32 length and value.
  std::string_view remaining() const { return rest_; }
  std::int16_t int16();
  std::int32_t int32();
  std::int64_t int64();
  bool boolean();
  std::string_view text();
  std::string_view bytes();
  Uuid uuid();
  Timestamp timestamp();
  std::optional<Timestamp> optional_timestamp();

 private:
  std::string_view rest_;
};

// Runs `COPY ({query}) TO STDOUT (FORMAT binary)` and calls `on_row` for every row as it arrives, in constant memory. Requires:
// a transaction is open. The query takes no parameters: build it from numbers and quoted literals only.
void copy_out(Connection& connection, std::string_view query, const std::function<void(BinaryRow)>& on_row);

}  // namespace hermes::postgres
