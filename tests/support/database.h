// Asks a database from the outside, in SQL, as psql -At would: every value as text, NULL as the empty text.
//
// Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "eventstore/postgres/connection.h"

namespace hermes::test_support {

using Row = std::vector<std::string>;

class Database {
 public:
  explicit Database(const postgres::Settings& settings);  // throws std::runtime_error

  std::vector<Row> rows(const std::string& sql);            // throws pqxx::failure
  std::vector<std::string> column(const std::string& sql);  // the first column
  std::string value(const std::string& sql);                // the first column of the first row; empty without rows
  void execute(const std::string& sql);                     // several statements are one transaction

  postgres::Connection& connection() { return *connection_; }

 private:
  postgres::ConnectionPtr connection_;
};

// A transaction that has run `sql` and keeps its locks until the object goes, or commit().
class OpenTransaction {
 public:
  OpenTransaction(const postgres::Settings& settings, const std::string& sql) : session_(settings) {
    session_.execute("BEGIN; " + sql);
  }
  void commit() { session_.execute("COMMIT"); }

 private:
  Database session_;
};

}  // namespace hermes::test_support
