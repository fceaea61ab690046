#include "eventstore/postgres/binary_copy.h"

#include <endian.h>

#include <cstring>
#include <stdexcept>

#include "eventstore/postgres/statements.h"

namespace hermes::postgres {
namespace {

// Signature, flags and the length of the header extension (manual, COPY, "Binary Format").
constexpr std::string_view kHeader{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
constexpr std::chrono::sys_days kPostgresEpoch{std::chrono::year{2000} / 1 / 1};

template <class Integer>
Integer to_network(Integer value) {
  if constexpr (sizeof(Integer) == 2) return static_cast<Integer>(htobe16(static_cast<std::uint16_t>(value)));
  if constexpr (sizeof(Integer) == 4) return static_cast<Integer>(htobe32(static_cast<std::uint32_t>(value)));
  if constexpr (sizeof(Integer) == 8) return static_cast<Integer>(htobe64(static_cast<std::uint64_t>(value)));
}

// A field of a fixed width: its length, then its value, in one append.
template <class Integer>
void append_fixed(std::string& buffer, Integer value) {
  char field[sizeof(std::int32_t) + sizeof(Integer)];
  const std::int32_t length = to_network(static_cast<std::int32_t>(sizeof(Integer)));
  const Integer bytes = to_network(value);
  std::memcpy(field, &length, sizeof(length));
  std::memcpy(field + sizeof(length), &bytes, sizeof(bytes));
  buffer.append(field, sizeof(field));
}

void append_variable(std::string& buffer, std::string_view value) {
  const std::int32_t length = to_network(static_cast<std::int32_t>(value.size()));
  char prefix[sizeof(length)];
  std::memcpy(prefix, &length, sizeof(length));
  buffer.append(prefix, sizeof(prefix)).append(value);
}

template <class Integer>
Integer read_fixed(std::string_view bytes) {
  if (bytes.size() != sizeof(Integer)) throw std::runtime_error("a binary field has the wrong length");
  Integer value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return to_network(value);
}

template <class Integer>
Integer take(std::string_view& bytes) {
  if (bytes.size() < sizeof(Integer)) throw std::runtime_error("a binary row is too short");
  Integer value = read_fixed<Integer>(bytes.substr(0, sizeof(Integer)));
  bytes.remove_prefix(sizeof(Integer));
  return value;
}

std::string_view required(std::optional<std::string_view> field) {
  if (!field) throw std::runtime_error("a binary field is NULL that may not be");
  return *field;
}

}  // namespace

std::int64_t to_postgres_microseconds(Timestamp time) { return (time - kPostgresEpoch).count(); }

Timestamp from_postgres_microseconds(std::int64_t microseconds) {
  return Timestamp{kPostgresEpoch} + std::chrono::microseconds{microseconds};
}

BinaryRows::BinaryRows() { clear(); }

void BinaryRows::clear() {
  buffer_.assign(kHeader);
  row_count_ = 0;
}

void BinaryRows::begin_row(std::int16_t field_count) {
  const std::int16_t count = to_network(field_count);
  char bytes[sizeof(count)];
  std::memcpy(bytes, &count, sizeof(count));
  buffer_.append(bytes, sizeof(bytes));
  ++row_count_;
}

void BinaryRows::null() { buffer_.append("\377\377\377\377", 4); }
void BinaryRows::int16(std::int16_t value) { append_fixed(buffer_, value); }
void BinaryRows::int32(std::int32_t value) { append_fixed(buffer_, value); }
void BinaryRows::int64(std::int64_t value) { append_fixed(buffer_, value); }
void BinaryRows::boolean(bool value) { append_variable(buffer_, std::string_view(value ? "\1" : "\0", 1)); }
void BinaryRows::text(std::string_view value) { append_variable(buffer_, value); }
void BinaryRows::bytes(std::string_view value) { append_variable(buffer_, value); }
void BinaryRows::uuid(const Uuid& value) {
  append_variable(buffer_, std::string_view(reinterpret_cast<const char*>(value.data()), value.size()));
}
void BinaryRows::timestamp(Timestamp value) { int64(to_postgres_microseconds(value)); }

void copy_in(Connection& connection, std::string_view target, const BinaryRows& rows) {
  Statements statements(connection);
  statements.send("COPY " + std::string(target) + " FROM STDIN (FORMAT binary)");
  statements.copy_in(rows);
  statements.finish();
}

std::optional<std::string_view> BinaryRow::field() {
  const auto length = take<std::int32_t>(rest_);
  if (length == -1) return std::nullopt;
  if (length < 0 || static_cast<std::size_t>(length) > rest_.size()) {
    throw std::runtime_error("a binary field is longer than its row");
  }
  std::string_view value = rest_.substr(0, static_cast<std::size_t>(length));
  rest_.remove_prefix(value.size());
  return value;
}

std::int16_t BinaryRow::int16() { return read_fixed<std::int16_t>(required(field())); }
std::int32_t BinaryRow::int32() { return read_fixed<std::int32_t>(required(field())); }
std::int64_t BinaryRow::int64() { return read_fixed<std::int64_t>(required(field())); }
bool BinaryRow::boolean() {
  std::string_view value = required(field());
  if (value.size() != 1) throw std::runtime_error("a binary field has the wrong length");
  return value[0] != 0;
}
std::string_view BinaryRow::text() { return required(field()); }
std::string_view BinaryRow::bytes() { return required(field()); }
Uuid BinaryRow::uuid() {
  std::string_view value = required(field());
  Uuid uuid;
  if (value.size() != uuid.size()) throw std::runtime_error("a binary field has the wrong length");
  std::memcpy(uuid.data(), value.data(), uuid.size());
  return uuid;
}
Timestamp BinaryRow::timestamp() { return from_postgres_microseconds(int64()); }
std::optional<Timestamp> BinaryRow::optional_timestamp() {
  auto value = field();
  if (!value) return std::nullopt;
  return from_postgres_microseconds(read_fixed<std::int64_t>(*value));
}

void copy_out(Connection& connection, std::string_view query, const std::function<void(BinaryRow)>& on_row) {
  Statements statements(connection);
  statements.send("COPY (" + std::string(query) + ") TO STDOUT (FORMAT binary)");
  statements.copy_out(on_row);
  statements.finish();
}

}  // namespace hermes::postgres
