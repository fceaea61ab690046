// SQLite in the words that the store needs (store.h): a connection, its statements, a transaction. sqlite3.h stays behind it.
//
//   Connection database(file, busy_timeout);
//   Transaction transaction(database);
//   database.run("DELETE FROM outbox WHERE lane = ?", {lane});
//   transaction.commit();
//
// What goes wrong is thrown as Failure. Not thread-safe: a connection is for one thread at a time. One process may have several
// to a file, but must not open that file in another way: closing it would release SQLite's locks (sqlite.org/howtocorrupt.html,
// 2.2).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace hermes::chat::sqlite {

class Failure : public std::runtime_error {
 public:
  enum class Kind {
    busy,     // another process writes, and goes on for longer than the busy timeout
    full,     // the disk has no room
    damaged,  // the file is no database, or what is in it contradicts itself
    other
  };
  Failure(Kind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

// Texts must outlive the call that they are given to.
using Value = std::variant<std::int64_t, std::string_view>;

// A row of an answer; valid inside the call that it is given to.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  std::string text(int column) const;
  std::int64_t integer(int column) const;

 private:
  sqlite3_stmt* statement_;
};

class Connection {
 public:
  // Requires: the file exists. It may be empty. Reads nothing of it yet. `busy_timeout`: how long a statement waits for another
  // process.
  Connection(const std::filesystem::path& file, std::chrono::milliseconds busy_timeout);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Any number of statements, without values; what they answer is passed over.
  void execute(const std::string& statements);
  // One statement. It is prepared once for each connection.
  void run(std::string_view statement, const std::vector<Value>& values = {});
  // `each` must not run the same statement.
  void query(std::string_view statement, const std::vector<Value>& values, const std::function<void(const Row&)>& each);
  // The first column of the only row.
  std::int64_t number(std::string_view statement);
  std::string text(std::string_view statement);
  // Rows that the last statement has changed.
  std::int64_t changes() const;
  bool in_transaction() const;

 private:
  sqlite3_stmt* prepared(std::string_view statement);

  sqlite3* handle_ = nullptr;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
};

// All that is written until `commit`, or nothing: without a commit the end takes it back. Waits for other writers at its
// beginning, and for nobody later.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Connection& connection_;
};

}  // namespace hermes::chat::sqlite
