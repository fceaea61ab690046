#include "adapters/chat/store/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

namespace hermes::chat::sqlite {
namespace {

Failure::Kind kind_of(int code, int system_error) {
  switch (code & 0xff) {  // the rest says more of the same (sqlite.org/rescode.html)
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Failure::Kind::busy;
    case SQLITE_FULL: return Failure::Kind::full;
    case SQLITE_IOERR: return system_error == ENOSPC || system_error == EDQUOT ? Failure::Kind::full : Failure::Kind::other;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Failure::Kind::damaged;
    default: return Failure::Kind::other;
  }
}

[[noreturn]] void fail_with(sqlite3* handle, int code) {
  const int system_error = handle == nullptr ? 0 : sqlite3_system_errno(handle);
  std::string what = handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle);
  const bool of_the_system = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
  if (of_the_system && system_error != 0) what += std::string(": ") + std::strerror(system_error);
  throw Failure(kind_of(code, system_error), what);
}

// A statement that was not reset would go on holding what it has read.
struct Reset {
  sqlite3_stmt* statement;
  ~Reset() {
    sqlite3_reset(statement);  // repeats the error of the last step, which has been told
    sqlite3_clear_bindings(statement);
  }
};

int bind(sqlite3_stmt* statement, int place, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return sqlite3_bind_int64(statement, place, *number);
  const auto text = std::get<std::string_view>(value);
  const char* bytes = text.data() == nullptr ? "" : text.data();  // of nothing SQLite would make NULL
  return sqlite3_bind_text64(statement, place, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

}  // namespace

std::string Row::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::int64_t Row::integer(int column) const { return sqlite3_column_int64(statement_, column); }

Connection::Connection(const std::filesystem::path& file, std::chrono::milliseconds busy_timeout) {
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  // An absolute path is no URI, whatever the folder is called.
  const int code = sqlite3_open_v2(std::filesystem::absolute(file).c_str(), &handle_, kFlags, nullptr);
  if (code != SQLITE_OK) {
    try {
      fail_with(handle_, code);
    } catch (const Failure&) {
      sqlite3_close(handle_);
      throw;
    }
  }
  sqlite3_busy_timeout(handle_, static_cast<int>(busy_timeout.count()));
}

Connection::~Connection() {
  for (const auto& [text, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

void Connection::execute(const std::string& statements) {
  const int code = sqlite3_exec(handle_, statements.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail_with(handle_, code);
}

void Connection::run(std::string_view statement, const std::vector<Value>& values) {
  query(statement, values, [](const Row&) {});
}

void Connection::query(std::string_view text, const std::vector<Value>& values, const std::function<void(const Row&)>& each) {
  sqlite3_stmt* statement = prepared(text);
  const Reset reset{statement};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int bound = bind(statement, static_cast<int>(i) + 1, values[i]);
    if (bound != SQLITE_OK) fail_with(handle_, bound);
  }
  for (int code; (code = sqlite3_step(statement)) != SQLITE_DONE;) {
    if (code != SQLITE_ROW) fail_with(handle_, code);
    each(Row(statement));
  }
}

std::int64_t Connection::number(std::string_view statement) {
  std::int64_t found = 0;
  query(statement, {}, [&](const Row& row) { found = row.integer(0); });
  return found;
}

std::string Connection::text(std::string_view statement) {
  std::string found;
  query(statement, {}, [&](const Row& row) { found = row.text(0); });
  return found;
}

std::int64_t Connection::changes() const { return sqlite3_changes64(handle_); }
bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

sqlite3_stmt* Connection::prepared(std::string_view text) {
  if (const auto known = statements_.find(text); known != statements_.end()) return known->second;
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(handle_, text.data(), static_cast<int>(text.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) fail_with(handle_, code);
  return statements_.emplace(text, statement).first->second;
}

Transaction::Transaction(Connection& connection) : connection_(connection) { connection_.run("BEGIN IMMEDIATE"); }

Transaction::~Transaction() {
  // A commit that failed has been taken back by SQLite itself.
  if (!connection_.in_transaction()) return;
  try {
    connection_.run("ROLLBACK");
  } catch (const Failure&) {
    // A disk that fails here, too: what was written has no commit, and is nothing. The failure that led here is on its way.
  }
}

void Transaction::commit() { connection_.run("COMMIT"); }

}  // namespace hermes::chat::sqlite
