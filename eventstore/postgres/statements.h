// Several SQL statements in one round trip (PostgreSQL manual, "Multiple Statements in a Simple Query"), with COPY among them.
// The append path uses it to take its locks, send its rows and commit in two round trips instead of seven; all other code
// should use pqxx::work.
//
//   Statements statements(connection);
//   statements.send("BEGIN; SELECT 1; COPY t FROM STDIN (FORMAT binary); COMMIT");
//   statements.done();                      // BEGIN
//   TextRows one = statements.rows();       // SELECT
//   statements.copy_in(rows);               // COPY
//   statements.done();                      // COMMIT
//   statements.finish();
//
// Each call takes the result of one statement, in order. All throw StatementError when the server refuses and
// pqxx::broken_connection when the connection dies. The destructor reads and drops the results that are left, so that the
// connection can be used again; the transaction stays as the server left it (see rollback()).
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "eventstore/postgres/binary_copy.h"
#include "eventstore/postgres/connection.h"

struct pg_result;

namespace hermes::postgres {

// The server refused a statement: its SQLSTATE (sqlstate()) and, for a violated constraint, which one.
class StatementError : public pqxx::sql_error {
 public:
  StatementError(const std::string& message, const char* sqlstate, std::string constraint_name)
      : pqxx::sql_error(message, "", sqlstate), constraint(std::move(constraint_name)) {}
  std::string constraint;
};

// The rows of one SELECT in text format.
class TextRows {
 public:
  explicit TextRows(pg_result* result);
  int size() const;
  bool is_null(int row, int column) const;
  std::string_view text(int row, int column) const;  // valid as long as the TextRows
  std::int64_t integer(int row, int column) const;   // throws std::runtime_error if it is not an integer
  std::string bytes(int row, int column) const;      // bytea in hex format

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

class Statements {
 public:
  explicit Statements(Connection& connection);
  ~Statements();
  Statements(const Statements&) = delete;
  Statements& operator=(const Statements&) = delete;

  // Requires: all results of the statements sent before have been taken.
  void send(const std::string& sql);

  TextRows rows();
  std::int64_t done();  // any other statement; returns how many rows it affected (or found, if it has rows after all)
  void copy_in(const BinaryRows& rows) { copy_in(std::span(&rows, 1)); }
  void copy_in(std::span<const BinaryRows> pieces);  // one COPY of all pieces, in their order
  void copy_out(const std::function<void(BinaryRow)>& on_row);
  // For COPY ... TO STDOUT in text or CSV format: each row as the server wrote it, with its line end.
  void copy_out_lines(const std::function<void(std::string_view)>& on_line);
  void finish();

  // Whether copy_in() has sent its last byte: the server can then go on with the statements after the COPY.
  bool copy_sent() const { return copy_sent_; }

 private:
  pg_result* next();
  void copy_out_data(const std::function<void(std::string_view)>& on_data);
  void send_copy_data(std::string_view bytes);
  [[noreturn]] void raise(pg_result* result);
  [[noreturn]] void raise_broken();

  Connection& connection_;
  bool pending_ = false;  // results are left to be read
  bool copy_sent_ = false;
};

// Ends a transaction that a Statements has opened, whatever state it is in. Never throws: on a broken connection there is
// nothing to end.
void rollback(Connection& connection) noexcept;

std::string hex(std::string_view bytes);

// 'text' as an SQL literal, and bytes as a bytea literal.
std::string text_literal(Connection& connection, std::string_view text);
std::string bytes_literal(std::string_view bytes);
std::string uuid_literal(const Uuid& uuid);
std::string timestamp_literal(Timestamp time);

}  // namespace hermes::postgres
