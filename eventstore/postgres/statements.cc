#include "eventstore/postgres/statements.h"

#include <libpq-fe.h>

#include <charconv>
#include <cstring>
#include <stdexcept>

#include "eventstore/postgres/server_message.h"

namespace hermes::postgres {
namespace {

constexpr std::string_view kTrailer{"\377\377", 2};
constexpr std::size_t kHeaderSize = 19;

// libpq copies data into its own buffer before it sends; with pieces of this size that buffer stays small.
constexpr std::size_t kSendPiece = 64 * 1024;

constexpr char kHexDigits[] = "0123456789abcdef";

}  // namespace

void TextRows::Clear::operator()(pg_result* result) const { PQclear(result); }
TextRows::TextRows(pg_result* result) : result_(result) {}
int TextRows::size() const { return PQntuples(result_.get()); }
bool TextRows::is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }

std::string_view TextRows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::int64_t TextRows::integer(int row, int column) const {
  std::string_view digits = text(row, column);
  std::int64_t value = 0;
  auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) {
    throw std::runtime_error("the database sent '" + std::string(digits) + "' where an integer belongs");
  }
  return value;
}

std::string TextRows::bytes(int row, int column) const {
  std::string_view hex = text(row, column);
  if (hex.substr(0, 2) != "\\x" || hex.size() % 2 != 0) throw std::runtime_error("the database sent a malformed bytea");
  auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  bytes.reserve(hex.size() / 2 - 1);
  for (std::size_t i = 2; i < hex.size(); i += 2) bytes += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  return bytes;
}

Statements::Statements(Connection& connection) : connection_(connection) {}

Statements::~Statements() {
  if (!pending_ || !connection_.is_open()) return;
  PGconn* raw = connection_.raw();
  bool cancelled = false;
  while (PGresult* result = PQgetResult(raw)) {
    const ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status == PGRES_COPY_IN && PQputCopyEnd(raw, "given up by the client") != 1) return;
    if (status == PGRES_COPY_OUT && !cancelled) {
      // The rest may be the whole log: ask the server to stop before reading the rows under way.
      if (PGcancel* cancel = PQgetCancel(raw)) {
        char error[256];
        PQcancel(cancel, error, sizeof(error));
        PQfreeCancel(cancel);
      }
      cancelled = true;
    }
    if (status == PGRES_COPY_OUT) {
      char* buffer = nullptr;
      while (PQgetCopyData(raw, &buffer, 0) > 0) PQfreemem(buffer);
    }
  }
}

void Statements::send(const std::string& sql) {
  if (pending_) throw std::logic_error("results of the statements before are still to be taken");
  copy_sent_ = false;
  if (PQsendQuery(connection_.raw(), sql.c_str()) != 1) raise_broken();
  pending_ = true;
}

pg_result* Statements::next() {
  PGresult* result = PQgetResult(connection_.raw());
  if (!result) {
    pending_ = false;
    if (PQstatus(connection_.raw()) != CONNECTION_OK) raise_broken();
    throw std::logic_error("there is no result left to take");
  }
  return result;
}

TextRows Statements::rows() {
  PGresult* result = next();
  if (PQresultStatus(result) != PGRES_TUPLES_OK) raise(result);
  return TextRows(result);
}

std::int64_t Statements::done() {
  PGresult* result = next();
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) raise(result);
  const char* text = PQcmdTuples(result);
  std::int64_t affected = 0;
  std::from_chars(text, text + std::strlen(text), affected);
  PQclear(result);
  return affected;
}

void Statements::send_copy_data(std::string_view bytes) {
  if (PQputCopyData(connection_.raw(), bytes.data(), static_cast<int>(bytes.size())) != 1) raise_broken();
}

void Statements::copy_in(std::span<const BinaryRows> pieces) {
  PGresult* result = next();
  if (PQresultStatus(result) != PGRES_COPY_IN) raise(result);
  PQclear(result);
  // Joined, because libpq makes a system call for each piece of more than a few kilobytes, and each call wakes the server.
  std::string together;
  bool header_taken = false;
  for (const BinaryRows& rows : pieces) {
    if (rows.row_count() == 0 && header_taken) continue;
    std::string_view bytes = rows.buffer_;
    if (header_taken) bytes.remove_prefix(kHeaderSize);
    header_taken = true;
    while (together.size() + bytes.size() >= kSendPiece) {
      const std::size_t fits = kSendPiece - together.size();
      together.append(bytes.substr(0, fits));
      bytes.remove_prefix(fits);
      send_copy_data(together);
      together.clear();
    }
    together.append(bytes);
  }
  together.append(kTrailer);
  send_copy_data(together);
  // From here on the server may go on without us, even if the call fails.
  copy_sent_ = true;
  if (PQputCopyEnd(connection_.raw(), nullptr) != 1) raise_broken();
  done();
}

void Statements::copy_out_data(const std::function<void(std::string_view)>& on_data) {
  PGresult* result = next();
  if (PQresultStatus(result) != PGRES_COPY_OUT) raise(result);
  PQclear(result);
  PGconn* raw = connection_.raw();
  struct Free {
    void operator()(char* buffer) const { PQfreemem(buffer); }
  };
  char* buffer = nullptr;
  int length = 0;
  while ((length = PQgetCopyData(raw, &buffer, 0)) > 0) {
    std::unique_ptr<char, Free> owner(buffer);
    on_data({buffer, static_cast<std::size_t>(length)});
  }
  if (length == -2) raise_broken();
  done();
}

void Statements::copy_out(const std::function<void(BinaryRow)>& on_row) {
  bool header_read = false;
  copy_out_data([&](std::string_view bytes) {
    if (!header_read) {
      if (bytes.size() < kHeaderSize) throw std::runtime_error("the database sent a malformed COPY header");
      bytes.remove_prefix(kHeaderSize);
      header_read = true;
    }
    if (bytes.size() < 2 || bytes.substr(0, 2) == kTrailer) return;
    on_row(BinaryRow(bytes.substr(2)));
  });
}

void Statements::copy_out_lines(const std::function<void(std::string_view)>& on_line) { copy_out_data(on_line); }

void Statements::finish() {
  PGresult* result = PQgetResult(connection_.raw());
  pending_ = result != nullptr;
  if (result) raise(result);
  if (PQstatus(connection_.raw()) != CONNECTION_OK) raise_broken();
}

void Statements::raise(pg_result* result) {
  std::unique_ptr<PGresult, decltype(&PQclear)> owner(result, &PQclear);
  auto field = [&](int code) {
    const char* value = PQresultErrorField(result, code);
    return std::string(value ? value : "");
  };
  const std::string sqlstate = field(PG_DIAG_SQLSTATE);
  std::string message = field(PG_DIAG_MESSAGE_PRIMARY);
  if (message.empty()) message = first_line(PQerrorMessage(connection_.raw()));
  if (message.empty()) message = std::string("an unexpected ") + PQresStatus(PQresultStatus(result));
  if (!sqlstate.empty()) message += " (SQLSTATE " + sqlstate + ")";
  if (PQstatus(connection_.raw()) != CONNECTION_OK) {
    pending_ = false;
    throw pqxx::broken_connection(message);
  }
  throw StatementError(message, sqlstate.c_str(), field(PG_DIAG_CONSTRAINT_NAME));
}

void Statements::raise_broken() {
  // The server may have said why before it went (an administrator's shutdown): that is the better message.
  PGconn* raw = connection_.raw();
  std::string message;
  while (PGresult* result = PQgetResult(raw)) {
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_FATAL_ERROR) message = first_line(PQresultErrorMessage(result));
    PQclear(result);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) break;
  }
  pending_ = false;
  if (message.empty()) message = first_line(PQerrorMessage(raw));
  throw pqxx::broken_connection("the connection to PostgreSQL was lost: " + message);
}

void rollback(Connection& connection) noexcept {
  if (!connection.is_open()) return;
  PGconn* raw = connection.raw();
  if (PQtransactionStatus(raw) == PQTRANS_IDLE) return;
  PQclear(PQexec(raw, "ROLLBACK"));
}

std::string text_literal(Connection& connection, std::string_view text) {
  std::string literal(text.size() * 2 + 3, '\0');
  literal[0] = '\'';
  int error = 0;
  const std::size_t size = PQescapeStringConn(connection.raw(), literal.data() + 1, text.data(), text.size(), &error);
  if (error != 0) throw std::runtime_error("text that is not valid UTF-8 can't be sent to the database");
  literal.resize(size + 1);
  return literal += '\'';
}

std::string hex(std::string_view bytes) {
  std::string digits;
  digits.reserve(bytes.size() * 2);
  for (char c : bytes) {
    digits += kHexDigits[static_cast<unsigned char>(c) >> 4];
    digits += kHexDigits[static_cast<unsigned char>(c) & 15];
  }
  return digits;
}

std::string bytes_literal(std::string_view bytes) { return "'\\x" + hex(bytes) + "'::bytea"; }

std::string uuid_literal(const Uuid& uuid) {
  std::string literal = "'";
  for (std::byte b : uuid) {
    literal += kHexDigits[std::to_integer<unsigned>(b) >> 4];
    literal += kHexDigits[std::to_integer<unsigned>(b) & 15];
  }
  return literal += '\'';
}

std::string timestamp_literal(Timestamp time) { return "timestamptz '" + rfc3339(time) + "'"; }

}  // namespace hermes::postgres
